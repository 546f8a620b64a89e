import "./styles/tokens.css";
import "./styles/base.css";
import "./state/density.svelte";
import "./state/theme.svelte";
import { mount } from "svelte";
import App from "./App.svelte";

// Tauri freezes the prototypes; freeze them in a browser too, so that the same mistakes show.
if (import.meta.env.MODE === "fixture") Object.freeze(Object.prototype);

const target = document.getElementById("app");
if (target) mount(App, { target });
