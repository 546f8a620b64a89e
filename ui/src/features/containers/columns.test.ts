import { expect, it } from "vitest";
import { columnShares } from "./columns";
import { container, port } from "./samples";

it("gives the room of short columns to long ones", () => {
	const short = columnShares([container({ name: "web" })]);
	const long = columnShares([container({ name: "a-name-that-is-longer-than-most" })]);
	expect(short).toEqual({ name: "16fr", stacked: "16fr", image: "12fr", ports: null, status: "24fr" });
	expect(long).toEqual({ ...short, name: "36fr", stacked: "36fr" });
	const failed = container({ state: "exited", exit_code: 137, reason: "out of memory (limit 64 MB)" });
	expect(columnShares([failed])).toEqual({ ...short, status: "40fr" });
});

it("moves nothing when a container starts or stops", () => {
	const ports = [port(80, 8080)];
	const stopped = container({ name: "web", state: "exited", exit_code: 0, ending: "stopped", ports });
	expect(columnShares([stopped])).toEqual(columnShares([container({ name: "web", ports })]));
});

it("stands still while little changes", () => {
	const one = columnShares([container({ name: "shop-api-1", ports: [port(80, 8080)] })]);
	const more = columnShares([container({ name: "shop-api-12", ports: [port(80, 8080)] })]);
	expect(more).toEqual(one);
});

it("gives the name the room of the image where that is below it", () => {
	const shares = columnShares([container({ name: "welcome", image: "slipway.internal/welcome:latest" })]);
	expect(shares).toMatchObject({ name: "16fr", stacked: "32fr" });
});
