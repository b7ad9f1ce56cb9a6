// The rows of the table of jobs. One component for all of them: a server-side element for each cell would cost the server,
// and the browser, more than everything else on the page together. Every text comes from the server.
export default {
  template: `
    <tbody role="rowgroup">
      <tr v-for="job in jobs" :key="job.id" role="row">
        <td class="tick" role="cell" data-label="Compare">
          <input
            type="checkbox"
            :aria-label="'Compare ' + job.model + ' (' + job.id + ')'"
            :checked="job.ticked"
            :disabled="job.full && !job.ticked"
            @change="$emit('tick', job.id, $event.target.checked)"
          >
        </td>
        <td class="wide" role="cell" data-label="Model">
          <a class="strong" :href="job.address">{{ job.model }}</a>
          <a v-if="job.version" class="version" :href="job.versionAddress">v{{ job.version }}</a>
          <span class="sub mono">{{ job.id }}</span>
          <span v-if="job.note" class="sub">{{ job.note }}</span>
          <span v-if="job.tags.length" class="tags">
            <a v-for="tag in job.tags" :key="tag.text" class="tag" :href="tag.address">{{ tag.text }}</a>
            <span v-if="job.moreTags" class="sub">+{{ job.moreTags }}</span>
          </span>
        </td>
        <td role="cell" data-label="Status">
          <span class="badge" :class="'is-' + job.look">
            <span class="icon" :class="'i-' + job.icon" aria-hidden="true"></span><span>{{ job.status }}</span>
          </span>
          <span v-if="job.tainted" class="badge is-failed">
            <span class="icon i-alert" aria-hidden="true"></span><span>tainted</span>
          </span>
          <div
            v-if="job.active"
            class="bar thin"
            role="progressbar"
            :aria-label="'Progress of ' + job.model"
            aria-valuemin="0"
            aria-valuemax="100"
            :aria-valuenow="Math.round(job.percent)"
          ><span class="bar-fill" :style="{ width: job.percent + '%' }"></span></div>
        </td>
        <td role="cell" data-label="Training sheet">
          <span>{{ job.sheet }}</span>
          <span class="sub">{{ job.base }}</span>
        </td>
        <td class="number" role="cell" data-label="Learning rate">
          <span>{{ job.learningRate }}</span>
          <span class="sub">{{ job.epochs }}</span>
        </td>
        <td class="number" role="cell" data-label="Train loss">{{ job.trainLoss }}</td>
        <td class="number" role="cell" data-label="Val. loss">
          <span>{{ job.valLoss }}</span>
          <span v-if="job.best" class="sub">best {{ job.best }}</span>
        </td>
        <td role="cell" data-label="Created">
          <local-time :at="job.created" form="relative"></local-time>
          <span class="sub">by {{ job.creator }}</span>
        </td>
        <td class="number" role="cell" data-label="Duration">
          <local-time v-if="job.since" :at="job.since" form="elapsed"></local-time>
          <span v-else>{{ job.duration }}</span>
          <span v-if="job.whole" class="sub">{{ job.whole }}</span>
        </td>
        <td class="actions" role="cell" data-label="Actions">
          <button
            v-if="job.cancel"
            class="button quiet small"
            type="button"
            :aria-label="'Cancel ' + job.model + ' (' + job.id + ')'"
            @click="$emit('cancel', job.id)"
          >Cancel</button>
          <a
            v-if="job.retry"
            class="button quiet small"
            :href="job.retry"
            :aria-label="'Retry ' + job.model + ' (' + job.id + ')'"
          >Retry</a>
          <a
            v-if="job.copy"
            class="button quiet small"
            :href="job.copy"
            :aria-label="'Duplicate ' + job.model + ' (' + job.id + ')'"
          >Duplicate</a>
        </td>
      </tr>
    </tbody>`,
  compilerOptions: { isCustomElement: (tag) => tag === "local-time" },
  props: { jobs: Array },
  emits: ["cancel", "tick"],
};
