// A worker in the cloud. The vectors come as the body of the request.

import { createGuard } from 'actfor';
import { run } from './vectors.mjs';

export default {
  async fetch(request) {
    const { files, kinds } = await request.json();
    return Response.json(await run(createGuard, files, kinds));
  },
};
