/** The life of a training job, driven through the generated client against the service at TRAINING_PIPELINE_URL. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import {
  cancelTrainingJob,
  createTrainingJob,
  getActiveTrainingJobs,
  getTrainingJob,
  getTrainingJobEvents,
  getTrainingJobLineage,
  getTrainingJobMetrics,
  listTrainingJobs,
  pollTrainingJob,
  retryTrainingJob,
  type Problem,
  type TrainingJob,
} from '../src/index.js';
import { createClient } from '../src/client/index.js';

const { TRAINING_PIPELINE_URL: baseUrl, TRAINING_PIPELINE_TOKEN: token, TRAINING_SHEET: sheet } = process.env;
assert(baseUrl && sheet, 'TRAINING_PIPELINE_URL and TRAINING_SHEET are not set');

const client = createClient({ baseUrl, headers: token ? { Authorization: `Bearer ${token}` } : {} });
const request = { training_sheet_id: sheet, model_name: 'triage', train_val_split: 0.8 };

/** A new job; a dry run, which the same operation answers with, is none. */
async function created(body: typeof request): Promise<TrainingJob> {
  const { data, response } = await createTrainingJob({ client, body, throwOnError: true });
  assert.equal(response.status, 201);
  assert('id' in data);
  return data;
}

/** The job once it has one of the statuses, asking its backend now and then. */
async function until(jobId: string, ...statuses: TrainingJob['status'][]): Promise<TrainingJob> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await pause(200)) {
    const { data } = await pollTrainingJob({ client, path: { job_id: jobId }, throwOnError: true });
    if (statuses.includes(data.status)) return data;
  }
  throw new Error(`${jobId} did not become ${statuses.join(' or ')}`);
}

/** The problem document of a request that must fail. */
function refused(answer: { error?: Problem | undefined; response: Response }, status: number): Problem {
  assert.equal(answer.response.status, status);
  assert(answer.error);
  assert.equal(answer.error.status, status);
  return answer.error;
}

test('a job from its creation to its lineage', async () => {
  const plan = await createTrainingJob({ client, body: request, query: { dry_run: true }, throwOnError: true });
  assert('export_summary' in plan.data);
  assert.equal(plan.data.split.train, 32);

  const job = await created(request);
  const path = { job_id: job.id };
  assert.deepEqual(job.allowed_actions, ['cancel', 'poll']);
  const active = await getActiveTrainingJobs({ client, throwOnError: true });
  assert(active.data.jobs.some((found) => found.id === job.id));
  const done = await until(job.id, 'succeeded');
  assert.equal(done.progress_percent, 100);
  assert.equal((await getTrainingJob({ client, path, throwOnError: true })).data.status, 'succeeded');

  const metrics = (await getTrainingJobMetrics({ client, path, query: { resolution: 2 }, throwOnError: true })).data;
  assert(metrics.sampled && metrics.series.length < metrics.series_total);
  assert.equal(typeof metrics.train_loss, 'number');

  const seen: number[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = { page_size: 3, cursor };
    const page = (await getTrainingJobEvents({ client, path, query, throwOnError: true })).data;
    seen.push(...page.events.map((event) => event.id));
    cursor = page.next_cursor;
  }
  assert(seen.length > 3);
  assert.deepEqual(seen, [...new Set(seen)].sort((a, b) => b - a));

  const lineage = (await getTrainingJobLineage({ client, path, query: { pairs: 'train' }, throwOnError: true })).data;
  assert.equal(lineage.qa_pair_ids.length, 32);
  assert.equal(lineage.model_version, done.uc_model_version);
  assert(lineage.assets.length > 0);
});

test('a job that is cancelled, and retried', async () => {
  const job = await created(request);
  const path = { job_id: job.id };
  const body = { reason: 'wrong sheet' };
  const cancelled = await cancelTrainingJob({ client, path, body, throwOnError: true });
  assert([200, 202].includes(cancelled.response.status));
  const over = await until(job.id, 'cancelled');
  assert.equal(over.cancel_reason, 'wrong sheet');
  const change = { training_config: { learning_rate: 0.00005 } };
  const again = (await retryTrainingJob({ client, path, body: change, throwOnError: true })).data;
  assert.equal(again.retry_of, job.id);
  assert.equal(again.training_config['learning_rate'], 0.00005);
  await cancelTrainingJob({ client, path: { job_id: again.id }, throwOnError: true });
  await until(again.id, 'cancelled');
  const query = { status: ['cancelled' as const], page_size: 1 };
  const page = (await listTrainingJobs({ client, query, throwOnError: true })).data;
  assert.equal(page.jobs[0]?.id, again.id);
  assert(page.total >= 2 && page.next_cursor);
  await assert.rejects(cancelTrainingJob({ client, path: { job_id: 'tj-none' }, throwOnError: true }));
});

test('what is refused is a typed problem document', async () => {
  const wrong = { ...request, model_name: 'No Name', training_config: { epochs: 99 } };
  const invalid = refused(await createTrainingJob({ client, body: wrong }), 422);
  assert.equal(invalid.code, 'invalid_request');
  const pointers = [...new Set(invalid.errors?.map((field) => field.pointer))].sort();
  assert.deepEqual(pointers, ['/model_name', '/training_config/epochs']);
  const missing = refused(await getTrainingJob({ client, path: { job_id: 'tj-none' } }), 404);
  assert.equal(missing.code, 'not_found');
  assert(missing.request_id);
  // @ts-expect-error - a request without a training sheet is not even compiled
  refused(await createTrainingJob({ client, body: { model_name: 'triage' } }), 422);
});
