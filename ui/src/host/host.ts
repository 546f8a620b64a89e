/** The only access to the backend. Nothing outside this folder imports Tauri. */
export type * from "./bindings";
export { copyText } from "./clipboard";
export type { Commands, Events, Host } from "./contract";
export { HostError } from "./error";
export { host } from "./live";
