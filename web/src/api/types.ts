/** The words of the service as the pages use them; schema.d.ts is generated from api/openapi.yaml. */
import type { components } from "./schema.d.ts";

type S = components["schemas"];
export type Session = S["Session"];
export type Problem = S["Problem"];
export type Case = S["Case"];
export type CaseDetail = S["CaseDetail"];
export type Mission = S["Mission"];
export type Rendezvous = NonNullable<S["Rendezvous"]>;
export type CaseEvent = S["CaseEvent"];
export type CaseClock = S["CaseClock"];
export type CaseMove = S["CaseMove"];
export type NextMove = S["NextMove"];
export type Assignment = S["Assignment"];
export type Candidate = S["Candidate"];
export type Shortfall = S["Shortfall"];
export type MissionMember = S["MissionMember"];
export type MissionOrder = S["MissionOrder"];
export type Responsible = S["Responsible"];
export type Patrol = S["Patrol"];
export type PatrolDetail = S["PatrolDetail"];
export type Person = S["Person"];
export type Shift = S["Shift"];
export type Device = S["Device"];
export type EnrolmentCode = S["EnrolmentCode"];
export type Enrolled = S["Enrolled"];
export type Grid = S["Grid"];
export type GridPart = S["GridPart"];
export type GridDetail = S["GridDetail"];
export type Department = S["Department"];
export type Category = S["Category"];
export type Area = S["Area"];
export type Route = S["Route"];
export type Mode = S["Mode"];
export type PatrolStatus = S["PatrolStatus"];
export type Presence = S["Presence"];
export type Stage = S["Stage"];
export type Choice = S["Choice"];
export type Photo = S["Photo"];
export type NewReport = S["NewReport"];
export type ReportAnswers = S["ReportAnswers"];
export type Report = S["Report"];
export type Notice = S["Notice"];
export type OperatorItem = S["OperatorItem"];
export type FiledReport = S["FiledReport"];
export type PastCase = S["PastCase"];
export type Revisit = S["Revisit"];
export type Tiers = S["Tiers"];

/** A patrol as live frames carry it. */
export type LivePatrol = {
  id: string;
  lon: number;
  lat: number;
  heading_deg?: number | null;
  status: PatrolStatus;
  presence: Presence;
  t: string;
  department: string;
  version?: number;
  /** A program plays it; left out where it does not. */
  simulated?: boolean;
};

/** How many there are of a department, on the whole; what a program plays is a row of its own. */
export type TotalRow = { department: string; simulated: boolean; free: number; assigned: number; en_route: number; on_scene: number; break: number; stale: number; lost: number };

/** What comes down /ws/live. seq counts per connection without holes. */
export type LiveFrame =
  | { type: "snapshot"; seq: number; patrols: LivePatrol[]; cases: Case[]; counted?: boolean }
  /** counted: other counts than before lie in the channel. */
  | { type: "delta"; seq: number; moved?: LivePatrol[]; gone?: string[]; counted?: boolean }
  | { type: "totals"; seq: number; departments: TotalRow[] }
  | { type: "notice"; seq: number }
  /** cut: this node does not hear others, whose positions come some seconds late. Said when it changes, and after a snapshot while it is so. */
  | { type: "link"; seq: number; cut: boolean }
  | { type: "case_gone"; seq: number; id: string }
  | { type: "case"; seq: number; case: Case };
