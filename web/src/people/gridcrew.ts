/** The people of a grid, as one looks after them: read anew after every change. */
import { signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { GridDetail, GridPart, Person } from "../api/types.ts";
import { found, tried } from "./crew.ts";

export const side = signal<"patrols" | "grids">("patrols");
export const chosenGrid = signal<string | null>(null);
export const gridCrew = signal<GridDetail | null>(null);
/** The grid has its one worker: asked once more before somebody takes that place. */
export const taken = signal<{ person: Person; until: Date | null } | null>(null);

export async function chooseGrid(id: string): Promise<void> {
  chosenGrid.value = id;
  gridCrew.value = null;
  found.value = null;
  taken.value = null;
  await tried(async () => {
    const grid = await ask(client.GET("/api/v1/grids/{id}", { params: { path: { id } } }));
    if (chosenGrid.value === id) gridCrew.value = grid;
  });
}

export async function addPart(person: Person, part: GridPart, until: Date | null, move = false): Promise<void> {
  taken.value = null;
  await tried(async () => {
    const id = chosenGrid.value;
    if (!id) return;
    try {
      const body = { staff_id: person.id, part, move, ...(until ? { until: until.toISOString() } : {}) };
      gridCrew.value = await ask(client.POST("/api/v1/grids/{id}/people", { params: { path: { id } }, body }));
      found.value = null;
    } catch (why) {
      if (!(why instanceof Refused) || why.type !== "/problems/grid-has-worker") throw why;
      taken.value = { person, until };
    }
  });
}

export const endPart = (staff: string, part: GridPart): Promise<boolean> =>
  tried(async () => {
    const id = chosenGrid.value;
    if (id) gridCrew.value = await ask(client.DELETE("/api/v1/grids/{id}/people/{staff_id}", { params: { path: { id, staff_id: staff }, query: { part } } }));
  });
