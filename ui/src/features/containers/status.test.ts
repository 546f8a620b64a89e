import { describe, expect, it } from "vitest";
import type { ContainerView, Ending } from "../../host/host";
import { container } from "./samples";
import {
	exitReason,
	hasFailed,
	hasProblem,
	lastKnownWords,
	shortStatusWords,
	statusAge,
	statusWords,
	tone,
} from "./status";

describe("statusAge", () => {
	const check = (status: string, expected: string | null) => expect(statusAge(status), status).toBe(expected);

	it("shortens the engine’s words", () => {
		check("Up 2 hours", "2 h");
		check("Up 2 hours (healthy)", "2 h");
		check("Up 5 minutes (Paused)", "5 min");
		check("Up About an hour", "1 h");
		check("Up About a minute (health: starting)", "1 min");
		check("Up Less than a second", "now");
		check("Up 3 days", "3 days");
		check("Exited (137) 10 minutes ago", "10 min");
		check("Exited (-1) 2 weeks ago", "2 weeks");
		check("Restarting (1) 5 seconds ago", "5 s");
		check("Created", null);
		check("", null);
	});
});

describe("statusWords", () => {
	const check = (fields: Partial<ContainerView>, words: string, dot: string) => {
		const view = container(fields);
		expect(statusWords(view)).toBe(words);
		expect(tone(view)).toBe(dot);
	};
	const exited = (
		code: number,
		ending: ContainerView["ending"],
		reason: string | null = null,
	): Partial<ContainerView> => ({
		state: "exited",
		status: `Exited (${code}) 10 minutes ago`,
		exit_code: code,
		ending,
		reason,
	});

	it("says how long it is up and how well", () => {
		check({ status: "Up 2 hours (healthy)", health: "healthy" }, "up 2 h", "ok");
		check({ status: "Up 2 minutes (unhealthy)", health: "unhealthy" }, "unhealthy · up 2 min", "warn");
		check(
			{ status: "Up 2 seconds (health: starting)", health: "starting" },
			"up 2 s · checking health",
			"ok",
		);
		check({ state: "paused", status: "Up 2 hours (Paused)" }, "paused · up 2 h", "warn");
	});
	it("says why it ended", () => {
		check(
			exited(137, "out_of_memory", "out of memory (limit 64 MB)"),
			"out of memory (limit 64 MB) · 10 min ago",
			"bad",
		);
		check(exited(0, "finished"), "finished · 10 min ago", "idle");
		check(exited(1, "failed"), "exit code 1 · 10 min ago", "bad");
		check(
			exited(127, "failed", "its command was not found"),
			"its command was not found · 10 min ago",
			"bad",
		);
	});
	it("says only that it stopped where there is no room for the machine", () => {
		const view = container(exited(0, "stopped", "stopped with the machine"));
		expect(shortStatusWords(view)).toBe("stopped");
	});
	it("tells nothing that counts while the engine cannot be asked", () => {
		expect(lastKnownWords(container())).toBe("was running");
		expect(lastKnownWords(container({ state: "paused" }))).toBe("was paused");
		expect(lastKnownWords(container({ state: "created", status: "Created" }))).toBe("never started");
	});
	it("does not call what was asked for a problem", () => {
		check(exited(137, "killed", "killed"), "killed · 10 min ago", "idle");
		check(exited(137, "stopped", "stopped (killed after 10 s)"), "stopped · 10 min ago", "idle");
		check(exited(1, "stopped", "stopped"), "stopped · 10 min ago", "idle");
		check(exited(143, "stopped", "stopped"), "stopped · 10 min ago", "idle");
	});
	it("says that it crashes again and again, also in the moments in which it runs", () => {
		const restarting = { state: "restarting", status: "Restarting (1) 2 seconds ago" } as const;
		check(
			{ ...restarting, exit_code: 1, restart_count: 7 },
			"keeps crashing · restarted 7 times · exit code 1",
			"bad",
		);
		check(
			{ ...restarting, exit_code: 0, restart_count: 1 },
			"keeps restarting · restarted once · exit code 0",
			"bad",
		);
		check(restarting, "keeps restarting", "bad");
		const since = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
		const again = { restart_count: 7, last_exit_code: 1 };
		check(
			{ ...again, since: since(20), status: "Up 20 seconds" },
			"keeps crashing · restarted 7 times · exit code 1",
			"bad",
		);
		check({ ...again, since: since(150), status: "Up 2 minutes" }, "up 2 min", "ok");
	});
	it("has a word for every ending, whatever the exit code, and shows the reason where there is one", () => {
		const words: Record<Ending, string> = {
			finished: "finished",
			stopped: "stopped",
			killed: "killed",
			out_of_memory: "out of memory",
			failed: "failed",
			not_started: "could not be started",
		};
		for (const [ending, word] of Object.entries(words))
			for (const code of [0, null])
				expect(exitReason(container({ state: "exited", exit_code: code, ending: ending as Ending }))).toBe(
					word,
				);
		check(exited(0, "stopped", "stopped with the machine"), "stopped with the machine · 10 min ago", "idle");
		expect(exitReason(container({ state: "exited", exit_code: 0 }))).toBe("finished");
		expect(exitReason(container({ state: "exited", exit_code: null }))).toBe("stopped");
	});
	it("counts ages in the same unit as the details, also beyond a day", () => {
		const since = (hours: number) => new Date(Date.now() - hours * 3_600_000 - 60_000).toISOString();
		check({ since: since(30) }, "up 1 day", "ok");
		check({ since: since(24 * 40) }, "up 1 month", "ok");
	});
	it("is short in a narrow place", () => {
		const short = (fields: Partial<ContainerView>, words: string) =>
			expect(shortStatusWords(container(fields))).toBe(words);
		short({ state: "restarting", exit_code: 1, restart_count: 7 }, "keeps crashing");
		short({ state: "restarting", exit_code: 0, restart_count: 7 }, "keeps restarting");
		short(exited(137, "out_of_memory", "out of memory (limit 64 MB)"), "out of memory");
		short(exited(1, "failed"), "exit code 1 · 10 min ago");
		short({ status: "Up 20 seconds", health: "starting" }, "checking health");
		short({ status: "Up 5 minutes (unhealthy)", health: "unhealthy" }, "unhealthy");
		short({ status: "Up 2 hours" }, "up 2 h");
		short({ state: "created", reason: "port 80 is in use by `web`" }, "could not be started");
		short(
			{ state: "exited", ending: "not_started", reason: "port 80 is in use by `web`" },
			"could not be started",
		);
	});
	it("knows what has a problem", () => {
		expect(hasProblem(container())).toBe(false);
		expect(hasProblem(container({ health: "unhealthy" }))).toBe(true);
		expect(hasProblem(container(exited(1, "failed")))).toBe(true);
		expect(hasProblem(container(exited(137, "stopped")))).toBe(false);
		expect(hasProblem(container({ state: "restarting" }))).toBe(true);
	});
	it("says what never ran", () => {
		check({ state: "created", status: "Created" }, "never started", "idle");
		check({ state: "created", status: "Created", reason: "port 80 is in use" }, "port 80 is in use", "bad");
		check(exited(128, "not_started", "port 80 is in use"), "port 80 is in use", "bad");
	});
	it("does not call a finished container failed", () => {
		expect(hasFailed(container(exited(0, "finished")))).toBe(false);
		expect(hasFailed(container({ state: "running", exit_code: 1 }))).toBe(false);
	});
});
