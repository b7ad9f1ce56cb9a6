// A chart of metric series: lines in the page's colours, hover in step with its siblings, a dragged stretch as "zoom".
const loading = import("nicegui-echart"); // large: the rest of the page is shown meanwhile
loading.catch(() => {}); // told where a chart waits for it

const GROUP = "metrics";
const FORMATS = {
  number: (value) => Number(value.toPrecision(4)).toLocaleString(),
  share: (value) => `${(value * 100).toFixed(1)} %`,
  small: (value) => (value ? value.toExponential(1) : "0"),
};
const whole = (value) => Math.round(value).toLocaleString();
const short = new Intl.NumberFormat(undefined, { notation: "compact" });

export default {
  template: '<div class="chart-canvas"></div>',
  // A value of a line is [where, what, step]; without the step where that is what the line is drawn over.
  props: { data: Object, numbers: String },
  emits: ["zoom"],
  async mounted() {
    let echarts;
    try {
      ({ echarts } = await loading);
    } catch {
      this.$el.textContent = "The charts could not be drawn. Reload the page."; // a module that failed is not asked for again
      return;
    }
    if (!this.$el.isConnected) return; // another tab was opened meanwhile
    this.chart = echarts.init(this.$el, null, { renderer: "canvas" });
    this.chart.group = GROUP;
    echarts.connect(GROUP);
    this.chart.on("finished", () => (this.$el.dataset.drawn = Math.round(performance.now())));
    this.chart.on("datazoom", (event) => this.marked(event));
    this.resized = new ResizeObserver(() => this.chart.resize());
    this.resized.observe(this.$el);
    this.recolour = () => this.draw();
    window.addEventListener("themechange", this.recolour);
    this.draw();
  },
  beforeUnmount() {
    window.removeEventListener("themechange", this.recolour);
    this.resized?.disconnect();
    this.chart?.dispose();
  },
  watch: {
    data() {
      this.draw();
    },
  },
  methods: {
    colour(token) {
      const probe = document.createElement("span");
      probe.style.color = `var(--${token})`;
      this.$el.append(probe);
      const found = getComputedStyle(probe).color;
      probe.remove();
      return found;
    },
    draw() {
      if (!this.chart || !this.data) return;
      const format = FORMATS[this.numbers];
      const [soft, grid, panel, ink] = ["ink-soft", "chart-grid", "raised", "ink"].map((each) => this.colour(each));
      const colours = [this.colour("chart-1"), this.colour("chart-2")];
      const text = { color: soft, fontFamily: "Inter, system-ui, sans-serif", fontSize: 11 };
      const unit = this.data.x === "tokens" ? "tokens" : "step";
      this.chart.setOption(
        {
          animation: false,
          textStyle: text,
          grid: { left: 8, right: 14, top: 12, bottom: 4, containLabel: true },
          xAxis: {
            type: "value",
            min: "dataMin",
            max: "dataMax",
            axisLine: { lineStyle: { color: grid } },
            axisTick: { show: false },
            axisLabel: { ...text, hideOverlap: true, formatter: (value) => short.format(value) },
            splitLine: { show: false },
            axisPointer: { label: { formatter: ({ value }) => `${unit} ${whole(value)}` } },
          },
          yAxis: {
            type: "value",
            scale: true,
            axisLine: { show: false },
            axisTick: { show: false },
            axisLabel: { ...text, formatter: (value) => (this.numbers === "share" ? `${Math.round(value * 100)} %` : format(value)) },
            splitLine: { lineStyle: { color: grid } },
          },
          tooltip: {
            trigger: "axis",
            confine: true,
            backgroundColor: panel,
            borderColor: grid,
            textStyle: { ...text, color: ink, fontSize: 12 },
            axisPointer: { type: "line", lineStyle: { color: soft, type: "dashed" } },
            formatter: (found) =>
              [
                `<strong>${unit} ${whole(found[0].value[0])}</strong>`,
                ...found.map((each) => `${each.marker}${each.seriesName} <b>${format(each.value[1])}</b>`),
              ].join("<br>"),
          },
          toolbox: { top: -50, feature: { dataZoom: { yAxisIndex: "none", brushStyle: { color: colours[0], opacity: 0.12 } } } },
          series: this.data.lines.map((line, number) => ({
            name: line.name,
            type: "line",
            data: line.values,
            showSymbol: line.values.length < 40,
            symbol: number ? "emptyCircle" : "circle",
            symbolSize: 5,
            lineStyle: { width: 1.75, type: number ? [6, 3] : "solid" },
            itemStyle: { color: colours[number] },
          })),
        },
        { notMerge: true },
      );
      this.chart.dispatchAction({ type: "takeGlobalCursor", key: "dataZoomSelect", dataZoomSelectActive: true });
    },
    marked(event) {
      const { startValue, endValue } = event.batch?.[0] ?? event;
      if (startValue === undefined) return;
      const steps = this.data.lines
        .flatMap((line) => line.values)
        .filter(([at]) => at >= startValue && at <= endValue)
        .map(([at, , step]) => step ?? at);
      if (steps.length) this.$emit("zoom", Math.min(...steps), Math.max(...steps));
    },
  },
};
