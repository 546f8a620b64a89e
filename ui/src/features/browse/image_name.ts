/**
 * The repository of an image as the user typed it, without tag and digest: `registry:5000/org/app:1` →
 * `registry:5000/org/app`.
 */
export function repository(image: string): string {
	const name = image.replace(/@.*$/, "");
	const colon = name.lastIndexOf(":");
	return colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
}

/** The page of an image at its registry, for the registries that have one. */
export function registryPage(image: string): { name: string; url: string } | null {
	const [first = "", ...rest] = repository(image).split("/");
	if (first === "quay.io") return { name: "Quay", url: `https://quay.io/repository/${rest.join("/")}` };
	if (rest.length && /[.:]|^localhost$/.test(first)) return null;
	const path = rest.length ? `r/${first}/${rest.join("/")}` : `_/${first}`;
	return { name: "Docker Hub", url: `https://hub.docker.com/${path}` };
}
