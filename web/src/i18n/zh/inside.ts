/** 谁在里面: who is inside an area now. */
export const inside = {
  title: "当前在内",
  count: (n: number) => `${n} 支`,
  free: (n: number) => `空闲 ${n}`,
  nobody: "目前无人在内",
  more: (n: number) => `另有 ${n} 支未列出`,
  unknown: "暂时查不到",
  show: (name: string) => `在地图上定位 ${name}`,
};
