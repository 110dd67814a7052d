/** People and devices as one looks after them: patrols, and the one that is open, read anew after every change. */
import { signal } from "@preact/signals";
import { ask, client, everyPage, Refused } from "../api/client.ts";
import type { Device, EnrolmentCode, Patrol, PatrolDetail, Person, Shift } from "../api/types.ts";
import { may } from "../state/session.ts";
import { words } from "../i18n/index.ts";

export const open = signal(false);
export const patrols = signal<Patrol[] | null>(null);
export const chosen = signal<string | null>(null);
export const crew = signal<PatrolDetail | null>(null);
export const shifts = signal<Shift[]>([]);
export const devices = signal<Device[]>([]);
export const found = signal<Person[] | null>(null);
export const trouble = signal("");
export const busy = signal(false);
/** Somebody who is in another patrol: asked once more before they are moved. */
export const elsewhere = signal<{ person: Person; why: string } | null>(null);
export const enrolment = signal<EnrolmentCode | null>(null);
/** The code of the device that came in with the code on the screen. */
export const enrolled = signal<string | null>(null);

export const mayManage = (): boolean => may("manage_people");

export async function openPeople(): Promise<void> {
  open.value = true;
  trouble.value = "";
  await tried(async () => {
    patrols.value = await everyPage((cursor) => ask(client.GET("/api/v1/patrols", { params: { query: { limit: 200, cursor } } })));
    if (chosen.value) await load(chosen.value);
  });
}

export async function choose(id: string): Promise<void> {
  chosen.value = id;
  crew.value = null;
  shifts.value = [];
  devices.value = [];
  found.value = null;
  elsewhere.value = null;
  enrolment.value = null;
  enrolled.value = null;
  trouble.value = "";
  await tried(() => load(id));
}

async function load(id: string): Promise<void> {
  const path = { id };
  const [p, s, d] = await Promise.all([
    ask(client.GET("/api/v1/patrols/{id}", { params: { path } })),
    ask(client.GET("/api/v1/patrols/{id}/shifts", { params: { path } })),
    mayManage() ? ask(client.GET("/api/v1/devices", { params: { query: { patrol_id: id, limit: 50 } } })) : { items: [] },
  ]);
  if (chosen.value !== id) return;
  crew.value = p;
  shifts.value = s.items;
  devices.value = d.items;
}

/** One act at a time; what is refused is said in the service's own words. */
export async function tried(act: () => Promise<unknown>): Promise<boolean> {
  busy.value = true;
  try {
    await act();
    trouble.value = "";
    return true;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    trouble.value = why.type === "offline" ? words.value.offlineNow : why.message;
    return false;
  } finally {
    busy.value = false;
  }
}

const again = (act: (id: string) => Promise<unknown>): Promise<boolean> =>
  tried(async () => {
    const id = chosen.value;
    if (!id) return;
    await act(id);
    await load(id);
  });

export async function search(text: string): Promise<void> {
  if (text.trim() === "") {
    found.value = null;
    return;
  }
  await tried(async () => {
    found.value = (await ask(client.GET("/api/v1/staff", { params: { query: { q: text.trim(), limit: 20 } } }))).items;
  });
}

export async function addMember(person: Person, move = false): Promise<void> {
  elsewhere.value = null;
  await again(async (id) => {
    try {
      await ask(client.POST("/api/v1/patrols/{id}/members", { params: { path: { id } }, body: { staff_id: person.id, move } }));
      found.value = null;
    } catch (why) {
      if (!(why instanceof Refused) || why.type !== "/problems/member-elsewhere") throw why;
      elsewhere.value = { person, why: words.value.people.isElsewhere(person.name, person.patrol?.name ?? "") };
    }
  });
}

export const endMember = (staff: string): Promise<boolean> =>
  again((id) => ask(client.DELETE("/api/v1/patrols/{id}/members/{staff_id}", { params: { path: { id, staff_id: staff } } })));

export const addShift = (from: Date, until: Date): Promise<boolean> =>
  again((id) => ask(client.POST("/api/v1/patrols/{id}/shifts", { params: { path: { id } }, body: { from: from.toISOString(), until: until.toISOString() } })));

export const endShift = (shift: string): Promise<boolean> => again(() => ask(client.DELETE("/api/v1/shifts/{id}", { params: { path: { id: shift } } })));

export const unbind = (device: string): Promise<boolean> =>
  again(() => ask(client.POST("/api/v1/devices/{id}/unbind", { params: { path: { id: device } }, body: {} })));

export const reportLost = (device: string): Promise<boolean> =>
  again(() => ask(client.POST("/api/v1/devices/{id}/revoke", { params: { path: { id: device } }, body: {} })));

export const makeCode = (): Promise<boolean> =>
  tried(async () => {
    const id = chosen.value;
    if (!id) return;
    enrolled.value = null;
    enrolment.value = await ask(client.POST("/api/v1/enrolments", { body: { patrol_id: id } }));
  });

export async function dropCode(): Promise<void> {
  const e = enrolment.value;
  enrolment.value = null;
  if (e && !enrolled.value) await tried(() => ask(client.DELETE("/api/v1/enrolments/{id}", { params: { path: { id: e.id } } })));
}

/** Whether the code on the screen has been used; then the device is in the list. */
export async function lookAtCode(): Promise<void> {
  const e = enrolment.value;
  if (!e || enrolled.value) return;
  try {
    const now = await ask(client.GET("/api/v1/enrolments/{id}", { params: { path: { id: e.id } } }));
    if (now.state !== "used" || enrolment.value?.id !== e.id) return;
    await load(now.patrol.id);
    enrolled.value = devices.value.find((d) => d.id === now.device_id)?.code ?? now.patrol.code;
  } catch (why) {
    if (!(why instanceof Refused)) throw why; // it is asked again in a moment
  }
}
