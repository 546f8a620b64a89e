import { describe, expect, it, vi } from "vitest";
import { type ContainerDetail, HostError } from "../../host/host";
import { Detail } from "./detail.svelte";

function asking() {
	const answers: ((detail: ContainerDetail | HostError) => void)[] = [];
	const containerDetail = vi.fn(
		(_: string) =>
			new Promise<ContainerDetail>((resolve, reject) => {
				answers.push((answer) => (answer instanceof HostError ? reject(answer) : resolve(answer)));
			}),
	);
	return { detail: new Detail({ containerDetail }), containerDetail, answers };
}
const of = (hostname: string) => ({ hostname }) as ContainerDetail;

describe("Detail", () => {
	it("shows the newest of what was asked, with one question at a time", async () => {
		const { detail, containerDetail, answers } = asking();
		detail.show("a");
		detail.show("a");
		detail.show("b");
		expect(containerDetail).toHaveBeenCalledTimes(1);
		answers[0]?.(of("a"));
		await vi.waitFor(() => expect(containerDetail).toHaveBeenCalledTimes(2));
		expect(detail.data).toBe(null);
		answers[1]?.(of("b"));
		await vi.waitFor(() => expect(detail.data?.hostname).toBe("b"));
		expect(containerDetail.mock.calls.map(([id]) => id)).toEqual(["a", "b"]);
	});

	it("keeps what it has when loading it again fails", async () => {
		const { detail, answers } = asking();
		detail.show("a");
		answers[0]?.(of("a"));
		await vi.waitFor(() => expect(detail.data).not.toBe(null));
		detail.show("a");
		answers[1]?.(HostError.from(new Error("x")));
		await vi.waitFor(() => expect(detail.error).not.toBe(null));
		expect(detail.data?.hostname).toBe("a");
	});
});
