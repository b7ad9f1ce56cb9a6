// The best trial of a study so far, over time. Every number comes from the service.
const loading = import("nicegui-echart"); // large: the rest of the page is shown meanwhile
loading.catch(() => {}); // told where a chart waits for it

const number = (value) =>
  value && Math.abs(value) < 1e-3 ? value.toExponential(1).replace(/\.0e/, "e") : Number(value.toPrecision(4)).toLocaleString();
const duration = (seconds) => {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60].map((each) =>
    String(each).padStart(2, "0"),
  );
  return hours === "00" ? `${minutes}:${rest}` : `${hours}:${minutes}:${rest}`;
};
const NICE_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
// Seconds between two marks of the axis, so that about five of them are whole minutes or hours.
const interval = (seconds) => NICE_SECONDS.find((each) => seconds / each <= 7) ?? 86400 * Math.ceil(seconds / 86400 / 7);
const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export default {
  template: '<div class="chart-canvas"></div>',
  props: { data: Object },
  async mounted() {
    try {
      this.echarts = (await loading).echarts;
    } catch {
      this.$el.textContent = "The charts could not be drawn. Reload the page."; // a module that failed is not asked for again
      return;
    }
    if (!this.$el.isConnected) return;
    this.recolour = () => this.draw();
    window.addEventListener("themechange", this.recolour);
    this.resized = new ResizeObserver(() => this.fit()); // told at once; what is hidden has no size to draw in
    this.resized.observe(this.$el);
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
    fit() {
      if (!this.$el.clientWidth) return;
      if (!this.chart) {
        this.chart = this.echarts.init(this.$el, null, { renderer: "canvas" });
        this.chart.on("finished", () => (this.$el.dataset.drawn = Math.round(performance.now())));
      }
      this.chart.resize();
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
    draw() {
      if (!this.chart || !this.data) return;
      const [soft, grid, panel, ink] = ["ink-soft", "chart-grid", "raised", "ink"].map((each) => this.colour(each));
      const text = { color: soft, fontFamily: "Inter, system-ui, sans-serif", fontSize: 11 };
      const tooltip = { confine: true, backgroundColor: panel, borderColor: grid, textStyle: { ...text, color: ink, fontSize: 12 } };
      this.chart.setOption({ animation: false, textStyle: text, ...this.progress(text, grid, tooltip) }, { notMerge: true });
    },
    progress(text, grid, tooltip) {
      const { best, trials, title } = this.data;
      const last = Math.max(...trials.map(([at]) => at), 0);
      const lead = best.length ? [...best, [last, ...best[best.length - 1].slice(1)]] : [];
      const [trial, leading, panel] = ["chart-1", "chart-2", "panel"].map((each) => this.colour(each));
      const axis = { nameLocation: "middle", nameTextStyle: text, axisTick: { show: false } };
      return {
        grid: { left: 66, right: 18, top: 12, bottom: 44 },
        xAxis: {
          ...axis,
          type: "value",
          name: "Time since the study was created",
          nameGap: 26,
          min: 0,
          max: last,
          interval: interval(last),
          axisLine: { lineStyle: { color: grid } },
          axisLabel: { ...text, hideOverlap: true, alignMaxLabel: "right", formatter: duration },
          splitLine: { show: false },
        },
        yAxis: {
          ...axis,
          type: "value",
          name: title,
          nameGap: 48,
          scale: true,
          axisLine: { show: false },
          axisLabel: { ...text, hideOverlap: true, formatter: number },
          splitLine: { lineStyle: { color: grid } },
        },
        tooltip: {
          ...tooltip,
          trigger: "item",
          formatter: ({ value: [at, value, number_] }) =>
            `<strong>Trial ${number_}</strong><br>${escaped(title)} <b>${number(value)}</b><br>after ${duration(at)}`,
        },
        series: [
          {
            type: "line",
            step: "end",
            data: lead,
            symbol: "diamond",
            symbolSize: (_, { dataIndex }) => (dataIndex < best.length ? 11 : 0),
            lineStyle: { width: 2, color: leading },
            itemStyle: { color: leading, borderColor: panel, borderWidth: 1 },
          },
          { type: "scatter", data: trials, symbolSize: 6, itemStyle: { color: trial, opacity: 0.6 }, z: 1 },
        ],
      };
    },
  },
};
