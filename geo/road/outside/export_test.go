package outside

// Hang closes the connections that a server's client keeps open.
func Hang(s Server) {
	switch s := s.(type) {
	case *osrm:
		s.client.CloseIdleConnections()
	case *valhalla:
		s.client.CloseIdleConnections()
	}
}
