package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"
)

const (
	hello     = "hello, world"
	block     = 100 * time.Millisecond // for how long one handler in a thousand sleeps, where some do
	busyEach  = 2                      // goroutines for each processor that compute and yield
	busySlice = 20 * time.Microsecond  // between two yields
)

// announced listens, says the port, and ends the process when the client has gone.
func announced() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		// An error is an end too.
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return listener, nil
}

// serveEcho echoes one connection while all processors are busy.
func serveEcho() error {
	speed := calibrate()
	listener, err := announced()
	if err != nil {
		return err
	}
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	for range runtime.GOMAXPROCS(0) * busyEach {
		go func() {
			for {
				speed.compute(busySlice)
				runtime.Gosched()
			}
		}()
	}
	bytes := make([]byte, 64)
	for {
		count, err := conn.Read(bytes)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := conn.Write(bytes[:count]); err != nil {
			return err
		}
	}
}

// serveHTTP says hello until the client has gone.
func serveHTTP() error {
	listener, err := announced()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, hello)
	})
	mux.HandleFunc("/block", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(block)
		_, _ = io.WriteString(w, hello)
	})
	return http.Serve(listener, mux)
}
