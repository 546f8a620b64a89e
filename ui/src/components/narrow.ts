/**
 * Tells the style of an element's parts how narrow it is: `data-below` holds those of the widths, in CSS pixels, that
 * it does not reach. Container queries would do, but WebKit compares their lengths with enlarged pixels while the page
 * is zoomed.
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
