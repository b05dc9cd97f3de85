// The running examples, as Envoy's configuration.

/** The second at which the examples' tokens are valid. */
export const NOW = 1795000060;

/** The examples' configuration, with what a test adds to it. */
export function configuration(more = {}) {
  return { issuers: [], ...more };
}
