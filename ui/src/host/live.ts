import { Channel } from "@tauri-apps/api/core";
import { type ApiError, commands, events, type RunFailure } from "./bindings";
import type { Commands, Host } from "./contract";
import { HostError } from "./error";

type Answer = { status: "ok"; data: unknown } | { status: "error"; error: ApiError | RunFailure };
type AnyCommand = (...args: unknown[]) => Promise<Answer>;

function channel(receive: (message: unknown) => void): Channel<unknown> {
	const stream = new Channel<unknown>();
	stream.onmessage = receive;
	return stream;
}

function unwrap(command: AnyCommand) {
	return async (...args: unknown[]): Promise<unknown> => {
		const sent = args.map((arg) => (typeof arg === "function" ? channel(arg as never) : arg));
		let answer: Answer;
		try {
			answer = await command(...sent);
		} catch (thrown) {
			throw HostError.from(thrown);
		}
		if (answer.status === "ok") return answer.data;
		const failure = answer.error;
		if (typeof failure === "object" && "undone" in failure)
			throw new HostError(failure.error, failure.undone, failure.field);
		throw HostError.from(failure);
	};
}

const unwrapped = Object.fromEntries(
	Object.entries(commands).map(([name, command]) => [name, unwrap(command as AnyCommand)]),
) as Commands;

export const host: Host = {
	...unwrapped,
	on: (event, cb) => events[event].listen(({ payload }) => cb(payload as never)),
};
