package beacon

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// DecodeDown reads one message of the server, as a device does: a Hello, Ack,
// Reject, Offer, Recall, Mission, Notice or Interval. A type that this version does not know is nil
// without an error.
func DecodeDown(message []byte) (Down, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(message, &kind); err != nil {
		return nil, fmt.Errorf("read a server's message: %w", err)
	}
	switch kind.Type {
	case "hello":
		var m struct {
			Stream     uuid.UUID `json:"stream"`
			Acked      int64     `json:"acked"`
			IntervalS  int       `json:"interval_s"`
			ServerTime time.Time `json:"server_time"`
		}
		err := json.Unmarshal(message, &m)
		return decoded(Hello(m), err)
	case "ack":
		var m struct {
			Seq  int64      `json:"seq"`
			Also [][2]int64 `json:"also"`
		}
		err := json.Unmarshal(message, &m)
		ack := Ack{Seq: m.Seq}
		for _, r := range m.Also {
			ack.Also = append(ack.Also, Range{First: r[0], Last: r[1]})
		}
		return decoded(ack, err)
	case "reject":
		var m struct {
			Seq    int64  `json:"seq"`
			Code   Code   `json:"code"`
			Detail string `json:"detail"`
		}
		err := json.Unmarshal(message, &m)
		return decoded(Reject(m), err)
	case "offer":
		var m Offer
		err := json.Unmarshal(message, &m)
		return decoded(m, err)
	case "recall":
		var m Recall
		err := json.Unmarshal(message, &m)
		return decoded(m, err)
	case "mission":
		var m Mission
		err := json.Unmarshal(message, &m)
		return decoded(m, err)
	case "hand_over":
		var m HandOver
		err := json.Unmarshal(message, &m)
		return decoded(m, err)
	case "notice":
		var m Notice
		err := json.Unmarshal(message, &m)
		return decoded(m, err)
	case "interval":
		var m Interval
		err := json.Unmarshal(message, &m)
		return decoded(m, err)
	}
	return nil, nil
}

func decoded(m Down, err error) (Down, error) {
	if err != nil {
		return nil, fmt.Errorf("read a server's message: %w", err)
	}
	return m, nil
}
