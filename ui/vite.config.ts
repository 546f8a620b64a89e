import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

const fixture = fileURLToPath(new URL("./src/host/fixture/index.ts", import.meta.url));

export default defineConfig(({ mode }) => {
	const usesFixture = mode === "fixture" || mode === "test";
	return {
		plugins: [svelte(), mode === "test" ? svelteTesting() : []],
		// The product talks to Tauri; `--mode fixture` and the component tests use an in-memory backend.
		resolve: usesFixture ? { alias: [{ find: /^\.\/live$/, replacement: fixture }] } : {},
		// The content security policy allows only the app's own files: no `data:` and no inline script.
		build: {
			outDir: mode === "fixture" ? "node_modules/.fixture" : "dist",
			emptyOutDir: true,
			assetsInlineLimit: 0,
			modulePreload: { polyfill: false },
			reportCompressedSize: true,
			rollupOptions: {
				// The first screen is one file, because each request passes through the process that opens
				// the window.
				output: { codeSplitting: { groups: [{ name: "start", tags: ["$initial"] }] } },
			},
			target: "safari16",
		},
		server: { port: 1420, strictPort: true },
		clearScreen: false,
		test: {
			environment: "happy-dom",
			include: ["src/**/*.test.ts"],
			restoreMocks: true,
		},
	};
});
