package road

import (
	"testing"
	"time"
)

func BenchmarkPrepare(b *testing.B) {
	n := LoadExtract(b, "porto")
	for m := range Mode(Modes) {
		b.Run(m.String(), func(b *testing.B) {
			for b.Loop() {
				n.modes[m].order = nil
				began := time.Now()
				h, err := n.prepare(b.Context(), m)
				if err != nil {
					b.Fatal(err)
				}
				built := time.Since(began)
				began = time.Now()
				if _, err := n.customize(b.Context(), m, h, n.modes[m].durationMS, 1); err != nil {
					b.Fatal(err)
				}
				depth, widest := 0, 0
				_ = widest
				b.ReportMetric(float64(h.top.Vertices()), "vertices")
				b.ReportMetric(float64(h.top.Edges()), "edges")
				b.ReportMetric(float64(depth), "depth")
				b.ReportMetric(float64(built.Milliseconds()), "build-ms")
				b.ReportMetric(float64(time.Since(began).Milliseconds()), "customize-ms")
			}
		})
	}
}
