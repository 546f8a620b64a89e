import "../styles/tokens.css";
import "../styles/base.css";
import { mount, tick } from "svelte";
import { forceStates } from "./force_states";
import Gallery from "./Gallery.svelte";

const target = document.getElementById("app");
if (target) {
	mount(Gallery, { target });
	await tick();
	forceStates();
	document.documentElement.dataset.ready = "gallery";
}
