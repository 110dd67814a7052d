/** 在线与进出记录: when a patrol was heard of, and which fences it crossed. */
export const presenceRecord = {
  title: "近 24 小时在线与进出",
  none: "没有记录",
  unknown: "暂时查不到",
  kind: { online: "上线", stale: "信号变旧", lost: "失联", off_duty: "离岗", entered: "进入", left: "离开" },
  area: { grid: "本网格", closure: "封闭区域", place: "场所" },
  because: { "went off duty": "因离岗", "its position was lost": "因失联", "the fence is no more": "因围栏撤销" } as Record<string, string>,
};
