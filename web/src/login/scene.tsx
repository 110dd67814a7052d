/** The picture beside the form: a few grids, a report, and two patrols on their way. Drawn here, asked of nobody. */
import { words } from "../i18n/index.ts";

/** Corners of a shaken lattice; always the same. */
function corner(i: number, j: number): [number, number] {
  const shake = (n: number) => (((Math.sin(n) * 43758.5453) % 1) + 1) % 1;
  return [i * 110 - 60 + shake(i * 12.9 + j * 78.2) * 58, j * 100 - 60 + shake(i * 39.3 + j * 11.1) * 54];
}

export function Scene() {
  const w = words.value;
  const cells: string[] = [];
  for (let j = 0; j < 12; j++)
    for (let i = 0; i < 13; i++) {
      const ring = [corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)];
      cells.push(`M${ring.map((p) => p.join(" ")).join("L")}z`);
    }
  return (
    <aside class="scene" aria-label={w.appName}>
      <svg viewBox="0 0 1100 1000" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
        <path d={cells.join("")} fill="none" stroke="#223450" stroke-width="1.2" />
        <path d={cells[56]} fill="#5cc8ff" fill-opacity=".13" stroke="#5cc8ff" stroke-width="2.2" />
        <g fill="none" stroke-linecap="round" stroke-linejoin="round">
          <path d="M170 640 300 610 330 520 440 500 420 430" stroke="#5cc8ff" stroke-width="4" />
          <path d="M800 250 730 330 610 340 560 420 420 430" stroke="#5cc8ff" stroke-width="4" />
          <path d="M640 610 420 430" stroke="#9ba6bb" stroke-width="2" stroke-dasharray="2 8" />
        </g>
        <g transform="translate(420 430)">
          <circle r="52" fill="#e1762b" fill-opacity=".14" stroke="#e1762b" stroke-opacity=".7" />
          <path d="M0-21 21 0 0 21-21 0z" fill="#e1762b" />
          <path d="M0-10V3" stroke="#1c0d02" stroke-width="4" stroke-linecap="round" />
          <circle cy="10" r="2.400" fill="#1c0d02" />
        </g>
        <circle cx="170" cy="640" r="10" fill="#309ef6" />
        <path d="M800 232 815 268 800 259 785 268z" fill="#eae926" />
        <circle cx="640" cy="610" r="10" fill="none" stroke="#9ba6bb" stroke-width="3" stroke-dasharray="5 4" />
        <rect x="246" y="272" width="17" height="17" fill="#24f2b5" />
      </svg>
      <p>{w.tagline}</p>
      <small>{w.appName} · {w.appSub}</small>
    </aside>
  );
}
