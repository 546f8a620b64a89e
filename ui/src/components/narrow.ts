/**
 * Publishes how narrow an element is, for the styles of its children: `data-below` lists those of the given
 * widths, in CSS pixels, that it does not reach. Container queries would do, but WebKit compares their
 * lengths with zoomed pixels.
 */
export function narrow(...widths: number[]) {
	return (element: HTMLElement) => {
		const look = () => {
			const width = element.clientWidth;
			element.dataset.below = widths.filter((it) => width < it).join(" ");
		};
		look();
		const observer = new ResizeObserver(look);
		observer.observe(element);
		return () => observer.disconnect();
	};
}
