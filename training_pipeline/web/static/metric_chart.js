// A chart of metric series: lines in the page's colours, hover in step with its siblings, a dragged stretch as "zoom", and
// what is drawn as a picture. Every number comes from the service.
const loading = import("nicegui-echart"); // large: the rest of the page is shown meanwhile
loading.catch(() => {}); // told where a chart waits for it

const GROUP = "metrics";
const FORMATS = {
  number: (value) => (value < 100000 ? Number(value.toPrecision(4)).toLocaleString() : short.format(value)),
  share: (value) => `${(value * 100).toFixed(1)} %`,
  small: (value) => (value ? value.toExponential(1) : "0"),
};
const LOOKS = 8;
// Beside the colours, for whoever cannot tell them apart. The second line of a job's own chart is dashed.
const DASHES = ["solid", [6, 3], [2, 2], [8, 3, 2, 3], "solid", [6, 3], [2, 2], [8, 3, 2, 3]];
const PICTURE = { width: 1200, height: 600 };
const short = new Intl.NumberFormat(undefined, { notation: "compact" });

const duration = (seconds) => {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours, minutes, rest] = parts.map((each) => String(each).padStart(2, "0"));
  return parts[0] ? `${parts[0]}:${minutes}:${rest}` : `${minutes}:${rest}`;
};
// How a place on each axis is written: on the axis, and where the pointer is.
const PLACES = {
  step: { axis: (value) => short.format(value), pointer: (value) => `step ${Math.round(value).toLocaleString()}` },
  tokens: { axis: (value) => short.format(value), pointer: (value) => `${Math.round(value).toLocaleString()} tokens` },
  epoch: { axis: (value) => value.toLocaleString(), pointer: (value) => `epoch ${value.toFixed(2)}` },
  time: { axis: duration, pointer: (value) => `${duration(value)} h:m:s`.replace(/^(\d\d:\d\d) h:m:s/, "$1 min:s") },
};
const NICE_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
// Seconds between two marks of the axis, so that about five of them are whole minutes or hours.
const interval = (seconds) => NICE_SECONDS.find((each) => seconds / each <= 7) ?? 86400 * Math.ceil(seconds / 86400 / 7);
// The value nearest to a place, of values in order; none where the line has not begun yet, or has ended.
const nearest = (values, at) => {
  if (at < values[0][0] || at > values[values.length - 1][0]) return null;
  let [low, high] = [0, values.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle][0] <= at) low = middle;
    else high = middle;
  }
  return at - values[low][0] <= values[high][0] - at ? values[low] : values[high];
};
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
// Safari has no idle callbacks.
const whenIdle = window.requestIdleCallback ?? ((call) => setTimeout(call, 200));

export default {
  template: '<div class="chart-canvas"></div>',
  // A value of a line is [where, what, step]; without the step where that is where.
  props: { data: Object, numbers: String },
  emits: ["zoom"],
  async mounted() {
    try {
      this.echarts = (await loading).echarts;
    } catch {
      this.$el.textContent = "The charts could not be drawn. Reload the page."; // a module that failed is not asked for again
      return;
    }
    if (!this.$el.isConnected) return; // another tab was opened meanwhile
    this.recolour = () => this.draw();
    window.addEventListener("themechange", this.recolour);
    // What the window shows is drawn first, and the rest when there is time. Told at once, and when a chart that had
    // nothing to show has something: what is hidden has no size to draw in.
    this.seen = new IntersectionObserver((all) => all.some((each) => each.isIntersecting) && this.start());
    this.seen.observe(this.$el);
    this.resized = new ResizeObserver(() => (this.chart ? this.chart.resize() : whenIdle(() => this.start(), { timeout: 1000 })));
    this.resized.observe(this.$el);
  },
  beforeUnmount() {
    window.removeEventListener("themechange", this.recolour);
    this.seen?.disconnect();
    this.resized?.disconnect();
    this.chart?.dispose();
  },
  watch: {
    data() {
      this.draw();
    },
  },
  methods: {
    start() {
      if (this.chart || !this.$el?.clientWidth) return;
      this.chart = this.echarts.init(this.$el, null, { renderer: "canvas" });
      this.chart.group = GROUP;
      this.echarts.connect(GROUP);
      this.chart.on("finished", () => (this.$el.dataset.drawn = Math.round(performance.now())));
      this.chart.on("datazoom", (event) => this.marked(event));
      this.draw();
    },
    colour(token) {
      const probe = document.createElement("span");
      probe.style.color = `var(--${token})`;
      this.$el.append(probe);
      const found = getComputedStyle(probe).color;
      probe.remove();
      return found;
    },
    series(line, colours, panel) {
      const place = (line.look - 1) % LOOKS;
      const style = { width: 1.75, type: DASHES[place] };
      const drawn = {
        name: line.name,
        type: "line",
        data: line.values,
        showSymbol: line.values.length < 40,
        symbol: place % 2 ? "emptyCircle" : "circle",
        symbolSize: 5,
        lineStyle: style,
        itemStyle: { color: colours[place] },
      };
      if (line.best)
        drawn.markPoint = {
          silent: true,
          symbol: "diamond",
          symbolSize: 13,
          label: { show: false },
          itemStyle: { color: colours[place], borderColor: panel, borderWidth: 1.5 },
          data: [{ coord: line.best.slice(0, 2) }],
        };
      if (!line.raw.length) return [drawn];
      const raw = {
        type: "line",
        data: line.raw,
        silent: true,
        showSymbol: false,
        lineStyle: { width: 1, opacity: 0.25 },
        itemStyle: { color: colours[place] },
        tooltip: { show: false },
      };
      return [raw, drawn];
    },
    option() {
      const format = FORMATS[this.numbers];
      const places = PLACES[this.data.x];
      const [soft, grid, panel, ink] = ["ink-soft", "chart-grid", "raised", "ink"].map((each) => this.colour(each));
      const colours = Array.from({ length: LOOKS }, (_, number) => this.colour(`chart-${number + 1}`));
      const text = { color: soft, fontFamily: "Inter, system-ui, sans-serif", fontSize: 11 };
      const title = { nameLocation: "middle", nameTextStyle: text };
      const log = this.data.scale === "log";
      const ends = this.data.lines.flatMap(({ values }) => [values[0][0], values[values.length - 1][0]]);
      const timed = this.data.x === "time" ? { interval: interval(Math.max(...ends) - Math.min(...ends)) } : {};
      return {
        animation: false,
        textStyle: text,
        grid: { left: 66, right: 14, top: 12, bottom: 44 },
        xAxis: {
          ...title,
          ...timed,
          name: this.data.xTitle,
          nameGap: 26,
          type: "value",
          min: "dataMin",
          max: "dataMax",
          axisLine: { lineStyle: { color: grid } },
          axisTick: { show: false },
          axisLabel: { ...text, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right", formatter: places.axis },
          splitLine: { show: false },
          axisPointer: { label: { formatter: ({ value }) => places.pointer(value) } },
        },
        yAxis: {
          ...title,
          name: this.data.yTitle,
          nameGap: 48,
          type: log ? "log" : "value",
          logBase: this.numbers === "small" ? 10 : 2,
          scale: true,
          axisLine: { show: false },
          axisTick: { show: false },
          axisLabel: {
            ...text,
            hideOverlap: true,
            formatter: (value) => (this.numbers === "share" ? `${Number((value * 100).toFixed(1))} %` : format(value)),
          },
          splitLine: { lineStyle: { color: grid } },
        },
        tooltip: {
          trigger: "axis",
          confine: true,
          backgroundColor: panel,
          borderColor: grid,
          textStyle: { ...text, color: ink, fontSize: 12 },
          axisPointer: { type: "line", lineStyle: { color: soft, type: "dashed" } },
          // Every line at this place, and not only those that were measured exactly there.
          formatter: ([{ axisValue: at }]) => {
            const lines = this.data.lines.map((line) => {
              const value = nearest(line.values, at);
              const mark = `<span class="chart-mark" style="background: ${colours[(line.look - 1) % LOOKS]}"></span>`;
              return value && `${mark}${escaped(line.name)} <b>${format(value[1])}</b>`;
            });
            return [`<strong>${places.pointer(at)}</strong>`, ...lines.filter(Boolean)].join("<br>");
          },
        },
        toolbox: { top: -50, feature: { dataZoom: { yAxisIndex: "none", brushStyle: { color: colours[0], opacity: 0.12 } } } },
        series: this.data.lines.flatMap((line) => this.series(line, colours, panel)),
      };
    },
    draw() {
      if (!this.chart || !this.data) return;
      this.chart.setOption(this.option(), { notMerge: true });
      this.chart.dispatchAction({ type: "takeGlobalCursor", key: "dataZoomSelect", dataZoomSelectActive: true });
    },
    marked(event) {
      const { startValue, endValue } = event.batch?.[0] ?? event;
      if (startValue === undefined) return;
      const steps = this.data.lines
        .flatMap((line) => line.values)
        .filter(([at]) => at >= startValue && at <= endValue)
        .map(([at, , step]) => step ?? at);
      if (steps.length) this.$emit("zoom", startValue, endValue, Math.min(...steps), Math.max(...steps));
    },
    // What is seen, with title and legend, on a canvas of its own: a picture stands alone.
    picture(name) {
      const canvas = document.createElement("div");
      Object.assign(canvas.style, { ...PICTURE, width: `${PICTURE.width}px`, height: `${PICTURE.height}px` });
      const chart = this.echarts.init(canvas, null, { renderer: "canvas", ...PICTURE });
      const ink = { color: this.colour("ink"), fontFamily: "Inter, system-ui, sans-serif" };
      chart.setOption({
        ...this.option(),
        toolbox: { show: false },
        backgroundColor: this.colour("panel"),
        title: { text: this.data.title, left: 16, top: 12, textStyle: { ...ink, fontSize: 16 } },
        legend: { data: this.data.lines.map((line) => line.name), left: 16, top: 42, itemWidth: 28, textStyle: { ...ink, fontSize: 12 } },
        grid: { left: 84, right: 32, top: 110, bottom: 60 },
      });
      const link = document.createElement("a");
      link.href = chart.getDataURL({ type: "png", pixelRatio: 2 });
      link.download = `${name}.png`;
      link.click();
      chart.dispose();
    },
  },
};
