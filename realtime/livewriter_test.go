package realtime

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// socketPair is a socket of the service whose other end reads and throws away.
func socketPair(b *testing.B) *websocket.Conn {
	conns := make(chan *websocket.Conn, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			b.Error(err)
		}
		conns <- conn
	}))
	b.Cleanup(server.Close)
	peer, response, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		b.Fatal(err)
	}
	response.Body.Close()
	conn := <-conns
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, peer.NetConn())
	}()
	b.Cleanup(func() {
		conn.Close()
		<-done
		peer.Close()
	})
	return conn
}

// One message of a tick: the sections of a town.
func BenchmarkPositions(b *testing.B) {
	for _, cells := range []int{3, 20, 100} {
		b.Run(fmt.Sprintf("%d-sections", cells), func(b *testing.B) {
			w := liveWriter{conn: socketPair(b)}
			parts := make([][]byte, cells)
			for i := range parts {
				parts[i] = make([]byte, 5200/cells)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.positions(&frame{parts: parts}, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
