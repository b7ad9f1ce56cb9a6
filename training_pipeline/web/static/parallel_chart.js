// Jobs over their parameters: an axis for each parameter and a line for each job, in the colours of its curves. The line
// under the pointer stands out; a click tells its job as "mark". A line may have a style of its own. Values come from
// the service.
const loading = import("nicegui-echart"); // large: the rest of the page is shown meanwhile
loading.catch(() => {}); // told where a chart waits for it

const DASHES = ["solid", [6, 3], [2, 2], [8, 3, 2, 3], "solid", [6, 3], [2, 2], [8, 3, 2, 3]];
const NARROW = 560; // pixels under which the axes lie under each other
const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const number = (value) => (Math.abs(value) >= 0.001 || !value ? Number(value.toPrecision(4)).toString() : value.toExponential(1));

export default {
  template: '<div class="chart-canvas parallel"></div>',
  props: { data: Object },
  emits: ["mark"],
  async mounted() {
    try {
      this.echarts = (await loading).echarts;
    } catch {
      this.$el.textContent = "The chart could not be drawn. Reload the page.";
      return;
    }
    if (!this.$el.isConnected) return;
    this.recolour = () => this.draw();
    window.addEventListener("themechange", this.recolour);
    this.resized = new ResizeObserver(() => this.fit());
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
      const vertical = this.$el.clientWidth < NARROW;
      this.$el.style.height = vertical ? `${70 * this.data.axes.length + 60}px` : "";
      if (!this.chart) {
        this.chart = this.echarts.init(this.$el, null, { renderer: "canvas" });
        this.chart.on("finished", () => (this.$el.dataset.drawn = Math.round(performance.now())));
        this.chart.on("click", ({ seriesIndex }) => this.$emit("mark", this.data.lines[seriesIndex].key));
      } else this.chart.resize();
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
    option() {
      const [soft, grid, panel, ink, ground] = ["ink-soft", "chart-grid", "raised", "ink", "panel"].map((each) => this.colour(each));
      const text = { color: soft, fontFamily: "Inter, system-ui, sans-serif", fontSize: 11 };
      const vertical = this.$el.clientWidth < NARROW;
      const shown = ({ type }, value) => (type === "category" ? String(value) : number(value));
      return {
        animation: false,
        textStyle: text,
        parallel: {
          layout: vertical ? "vertical" : "horizontal",
          left: vertical ? 20 : 50,
          right: vertical ? 20 : 70,
          top: 40,
          bottom: vertical ? 30 : 24,
          parallelAxisDefault: {
            nameLocation: vertical ? "start" : "end",
            nameGap: vertical ? 6 : 14,
            nameTextStyle: { ...text, color: ink, fontWeight: 600, ...(vertical ? { align: "left", verticalAlign: "bottom", padding: [0, 0, 10, 0] } : {}) },
            axisLine: { lineStyle: { color: soft } },
            axisTick: { show: false },
            splitLine: { show: false },
          },
        },
        parallelAxis: this.data.axes.map((axis, dim) => ({
          ...axis,
          dim,
          z: 10, // words before lines
          axisLabel: { ...text, backgroundColor: ground, padding: [1, 3], hideOverlap: true, formatter: (value) => shown(axis, value) },
        })),
        tooltip: {
          confine: true,
          backgroundColor: panel,
          borderColor: grid,
          textStyle: { ...text, color: ink, fontSize: 12 },
          formatter: ({ seriesIndex }) => {
            const line = this.data.lines[seriesIndex];
            const values = this.data.axes.map((axis, dim) => {
              const value = line.values[dim];
              return `${escaped(axis.name)} <b>${value === null ? "-" : escaped(shown(axis, value))}</b>`;
            });
            return [`<strong>${escaped(line.name)}</strong>`, ...values].join("<br>");
          },
        },
        series: this.data.lines.map((line) => {
          const marked = this.data.marked === line.key;
          const faded = this.data.marked && !marked;
          const place = (line.look - 1) % DASHES.length;
          return {
            type: "parallel",
            name: line.name,
            smooth: false,
            lineStyle: { width: marked ? 4 : 2, type: DASHES[place], color: this.colour(`chart-${place + 1}`), opacity: faded ? 0.25 : 1, ...line.style },
            emphasis: { lineStyle: { width: 4, opacity: 1 } },
            z: marked ? 3 : 2,
            data: [line.values.map((value) => (value === null ? "-" : value))],
          };
        }),
      };
    },
    draw() {
      if (!this.chart || !this.data) return;
      this.chart.setOption(this.option(), { notMerge: true });
    },
  },
};
