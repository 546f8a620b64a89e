import type { CatalogEntry, RunPlan } from "../../host/host";

/**
 * The catalog's note after a run. Without the sentence about a service that the image needs, once the plan names a
 * network to reach it on.
 */
export function firstUse(note: string | null, entry: CatalogEntry | null, plan: RunPlan): string | null {
	if (!note || !entry?.needs.length || !plan.network) return note;
	return note.replace(/Needs an? [^.]* on the same network\.\s*/, "").trim() || null;
}
