import { beforeEach, expect, test } from "vitest";
import { HostError } from "../host/host";
import { announcer } from "./announcer.svelte";
import { toasts } from "./toasts.svelte";

beforeEach(() => {
	toasts.all = [];
});

test("a toast is shown, announced and closed", () => {
	const id = toasts.show("web is ready", { detail: "http://127.0.0.1:8080" });
	expect(toasts.all.map((toast) => toast.title)).toEqual(["web is ready"]);
	expect(announcer.text).toContain("web is ready. http://127.0.0.1:8080");
	toasts.close(id);
	expect(toasts.all).toEqual([]);
});

test("backquotes around names are not read to anybody", () => {
	toasts.show("The name `db` is taken");
	expect(announcer.text).toContain("The name db is taken");
});

test("an error says what happened and what to do", () => {
	toasts.error(
		new HostError({ kind: "no_space", message: "The disk is full", hint: "Remove images", detail: "ENOSPC" }),
	);
	expect(toasts.all[0]).toMatchObject({
		kind: "bad",
		title: "The disk is full",
		detail: "Remove images",
	});
});

test("cancelled is an outcome and shows nothing", () => {
	toasts.error(new HostError({ kind: "cancelled", message: "Cancelled", hint: null, detail: null }));
	expect(toasts.all).toEqual([]);
});

const titles = () => toasts.all.map((toast) => toast.title);

test("only the newest few are kept", () => {
	for (let n = 1; n <= 6; n += 1) toasts.show(`message ${n}`);
	expect(titles()).toEqual(["message 4", "message 5", "message 6"]);
});

test("an error outlasts other messages", () => {
	toasts.error(new HostError({ kind: "no_space", message: "The disk is full", hint: null, detail: null }));
	for (let n = 1; n <= 4; n += 1) toasts.show(`message ${n}`);
	expect(titles()).toEqual(["The disk is full", "message 3", "message 4"]);
});

test("the same message is there once", () => {
	toasts.show("web was stopped");
	toasts.show("db was stopped");
	toasts.show("web was stopped");
	expect(titles()).toEqual(["db was stopped", "web was stopped"]);
});
