// A server of the Model Context Protocol behind actfor, with the SDK 1.x:
//   npm install actfor express zod @modelcontextprotocol/sdk@1 && node mcp-sdk-1.mjs

import { readFileSync } from 'node:fs';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';
import { z } from 'zod';
import { createGuard } from 'actfor';
import { guardLists, guardTool, mcpAuth } from 'actfor/mcp';

const guard = createGuard(readFileSync('actfor.json', 'utf8'));

function createServer() {
  const server = new McpServer({ name: 'repos', version: '1.0.0' });
  const repo = z.string();
  server.registerTool('read_readme', { description: 'Reads a readme.', inputSchema: { repo } },
    guardTool(guard, 'read_readme', async ({ repo }) => ({ content: [{ type: 'text', text: `# ${repo}` }] })));
  server.registerTool('push_note', { description: 'Adds a note.', inputSchema: { repo, text: z.string().default('a note') } },
    guardTool(guard, 'push_note', async ({ repo, text }) => ({ content: [{ type: 'text', text: `${repo}: ${text}` }] })));
  server.registerTool('drop_database', { description: 'Nobody may call this.' },
    guardTool(guard, 'drop_database', async () => ({ content: [] })));
  return guardLists(guard, server);
}

const app = express();

// In place of the SDK's `requireBearerAuth`; it reads the body, decides it, and serves the metadata of RFC 9728.
app.use(mcpAuth(guard, {
  resource: process.env.RESOURCE ?? 'https://api.example/mcp',
  authorizationServers: ['https://as.example'],
}));

app.post('/mcp', async (req, res) => {
  const transport = new StreamableHTTPServerTransport();
  res.on('close', () => { transport.close(); });
  await createServer().connect(/** @type {import('@modelcontextprotocol/sdk/shared/transport.js').Transport} */ (transport));
  await transport.handleRequest(req, res, req.body);
});

const listening = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (listening.address());
  console.log(`listening on http://127.0.0.1:${address.port}`);
});
