import { defineConfig } from '@hey-api/openapi-ts';

/** Every operation becomes a function that bears its operation id, and every schema a type that bears its name. */
export default defineConfig({
  input: '../../docs/openapi.json',
  output: { path: 'src', clean: true },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
});
