import type { Attachment } from "svelte/attachments";

/** Shows `text` as a tooltip while the element cuts it off. A tooltip that repeats what can be read only covers its neighbours. */
export function clipped(text: string): Attachment<HTMLElement> {
	return (element) => {
		const look = () => {
			const cut =
				element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight + 1;
			if (cut) element.title = text;
			else element.removeAttribute("title");
		};
		element.addEventListener("pointerenter", look);
		return () => element.removeEventListener("pointerenter", look);
	};
}
