// A server of the Model Context Protocol behind actfor, with the SDK 2.x:
//   npm install actfor express zod @modelcontextprotocol/server @modelcontextprotocol/node && node mcp-sdk-2.mjs

import { readFileSync } from 'node:fs';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { z } from 'zod';
import { createGuard } from 'actfor';
import { guardLists, guardTool, mcpAuth } from 'actfor/mcp';

const guard = createGuard(readFileSync('actfor.json', 'utf8'));

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'repos', version: '1.0.0' });
  const repo = z.string();
  server.registerTool('read_readme', { description: 'Reads a readme.', inputSchema: z.object({ repo }) },
    guardTool(guard, 'read_readme', async ({ repo }) => ({ content: [{ type: 'text', text: `# ${repo}` }] })));
  server.registerTool('push_note', { description: 'Adds a note.', inputSchema: z.object({ repo, text: z.string().default('a note') }) },
    guardTool(guard, 'push_note', async ({ repo, text }) => ({ content: [{ type: 'text', text: `${repo}: ${text}` }] })));
  server.registerTool('drop_database', { description: 'Nobody may call this.' },
    guardTool(guard, 'drop_database', async () => ({ content: [] })));
  return guardLists(guard, server);
});

const app = express();

// In place of the SDK's `requireBearerAuth`; it reads the body, decides it, and serves the metadata of RFC 9728.
app.use(mcpAuth(guard, {
  resource: process.env.RESOURCE ?? 'https://api.example/mcp',
  authorizationServers: ['https://as.example'],
}));

const answer = toNodeHandler(handler);
app.post('/mcp', (req, res) => answer(req, res, req.body));

const listening = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (listening.address());
  console.log(`listening on http://127.0.0.1:${address.port}`);
});
