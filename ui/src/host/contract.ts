import type { Channel } from "@tauri-apps/api/core";
import type { commands, events } from "./bindings";

/** A stream calls a function with each message. */
type Callbacks<Args extends unknown[]> = {
	[I in keyof Args]: Args[I] extends Channel<infer Message> ? (message: Message) => void : Args[I];
};

type Unwrapped<Command> = Command extends (...args: infer Args) => Promise<infer Result>
	? (...args: Callbacks<Args>) => Promise<Data<Result>>
	: never;

type Data<Result> = Extract<Result, { status: "ok" }> extends { data: infer Inner } ? Inner : never;

/** The backend's commands: each resolves to its data or rejects with a `HostError`. */
export type Commands = { [Name in keyof typeof commands]: Unwrapped<(typeof commands)[Name]> };

type Payload<Event> = Event extends { listen: (cb: (event: { payload: infer P }) => void) => unknown }
	? P
	: never;

export type Events = { [Name in keyof typeof events]: Payload<(typeof events)[Name]> };

/** The whole interface to the backend. */
export interface Host extends Commands {
	/**
	 * Calls `cb` for each event until the returned function is called. Resolves when the subscription is
	 * active.
	 */
	on<Name extends keyof Events>(event: Name, cb: (payload: Events[Name]) => void): Promise<() => void>;
}
