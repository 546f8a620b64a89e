import * as icons from "./logo_icons";

/** The `d` of a path in a 24 × 24 box. */
export type LogoPath = string;

/** Our own icon, as one path. */
const slipway: LogoPath =
	"M3.86 7.41L14.58 2.29L16.08 2.82L19.25 9.48L18.72 10.98L8 16.09L6.5 15.56L3.33 8.91ZM8.85 13.96L10.09 13.36L7.29 7.5L6.05 8.09ZM12.07 12.42L13.31 11.83L10.51 5.96L9.27 6.56ZM15.28 10.89L16.52 10.3L13.73 4.43L12.48 5.02ZM1.04 21.54L22.04 11.54L22.96 13.46L1.96 23.46Z";

/** Logos of catalog entries, by slug in Simple Icons; and our own. */
export const logos: Record<string, LogoPath> = {
	...Object.fromEntries(Object.values(icons).map((icon) => [icon.slug, icon.path])),
	slipway,
};
