import {
	siAlpinelinux,
	siApache,
	siDocker,
	siGrafana,
	siMysql,
	siNginx,
	siPostgresql,
	siPython,
	siRedis,
	siWordpress,
} from "simple-icons";

/** The `d` of a path in a 24 × 24 box. */
export type LogoPath = string;

const icons = [
	siAlpinelinux,
	siApache,
	siDocker,
	siGrafana,
	siMysql,
	siNginx,
	siPostgresql,
	siPython,
	siRedis,
	siWordpress,
];

/** Logos of what the catalog has, by slug in Simple Icons. */
export const logos: Record<string, LogoPath> = Object.fromEntries(
	icons.map((icon) => [icon.slug, icon.path]),
);
