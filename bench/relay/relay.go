// Package relay forwards connections and does nothing else: two goroutines copy bytes through 16 KiB buffers. It is the yardstick for
// what any proxy written in Go has to spend on a round trip.
package relay

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

const bufferBytes = 16 << 10

// Serve forwards what connects to the TCP address listen to the address to, until it cannot listen any more.
func Serve(listen, network, to string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		go relay(client, network, to)
	}
}

func relay(client net.Conn, network, to string) {
	defer client.Close()
	server, err := net.Dial(network, to)
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { pump(server, client) })
	both.Go(func() { pump(client, server) })
	both.Wait()
}

// pump copies until src ends and passes the end on. io.Copy is not used: it would hand the work to splice(2), which
// no proxy that looks at the bytes can do.
func pump(dst, src net.Conn) {
	buffer := make([]byte, bufferBytes)
	for {
		n, err := src.Read(buffer)
		if n > 0 {
			if _, werr := dst.Write(buffer[:n]); werr != nil {
				break
			}
		}
		if err != nil {
			if err != io.EOF {
				dst.Close()
			}
			break
		}
	}
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the other side may be gone
	}
}
