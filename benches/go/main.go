// Command gosched-bench-go does the harness's workloads in Go, as a Go programmer would write them.
//
// It is told the workload and its sizes by flags, takes the number of processors from GOMAXPROCS, and prints its
// figures (nanoseconds per operation, mostly) and the number of operations: the same line as the harness's own
// measurements. Of a service it is the server, prints its port, and is measured from outside.
// The work runs in a goroutine of its own, not in main's, as it does everywhere else.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// warm is how long a warm-up run must take to tell the speed well enough.
const warm = 20 * time.Millisecond

// sizes are what a workload is told.
type sizes struct {
	capacity  int
	senders   int
	receivers int
	count     int
	time      time.Duration // of the timed part
	ops       uint64        // instead, if not 0
}

// A workload does about ops operations and returns how many it did.
type workload func(s sizes, ops uint64) (uint64, error)

// Courses measure themselves: they return their figures and how many operations they did.
var courses = map[string]func(s sizes) ([]float64, uint64, error){
	"timers":            timers,
	"ticker-under-hogs": tickerUnderHogs,
	"saturated":         saturated,
	"parked":            parked,
	"parked-in-one":     parkedInOne,
	"ctx-tree":          contextTree,
}

var services = map[string]func() error{
	"echo": serveEcho,
	"http": serveHTTP,
}

func main() {
	name := flag.String("work", "", "the workload")
	bytes := flag.Int("bytes", 8, "size of the values: 8, 64 or 1024")
	ms := flag.Int("ms", 400, "time one measurement for about so many milliseconds, after a warm-up")
	ops := flag.Uint64("ops", 0, "do exactly so many operations instead, cold")
	var s sizes
	flag.IntVar(&s.capacity, "cap", 0, "capacity of the channels")
	flag.IntVar(&s.senders, "senders", 1, "sending goroutines")
	flag.IntVar(&s.receivers, "receivers", 1, "receiving goroutines")
	flag.IntVar(&s.count, "count", 0, "channels or goroutines")
	flag.Parse()
	s.time, s.ops = time.Duration(*ms)*time.Millisecond, *ops

	if serve, found := services[*name]; found {
		if err := serve(); err != nil {
			fail(err)
		}
		return
	}
	done := make(chan error)
	if course, found := courses[*name]; found {
		go func() { done <- printed(course(s)) }()
		if err := <-done; err != nil {
			fail(err)
		}
		return
	}
	work, err := find(*name, *bytes)
	if err != nil {
		fail(err)
	}
	go func() {
		if *ops > 0 {
			done <- once(work, s, *ops)
		} else {
			done <- calibrated(work, s, time.Duration(*ms)*time.Millisecond)
		}
	}()
	if err := <-done; err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// find names the workloads.
func find(name string, bytes int) (workload, error) {
	switch name {
	case "spawn":
		return spawn, nil
	case "spawn-join":
		return spawnJoin, nil
	case "yield":
		return takeTurns, nil
	case "skynet":
		return skynet, nil
	case "wake":
		return wake, nil
	case "ctx-child":
		return contextChild, nil
	case "ctx-timeout":
		return contextTimeout, nil
	case "ctx-err":
		return contextErr, nil
	case "ctx-poll":
		return contextPoll, nil
	}
	switch bytes {
	case 8:
		return overChannels[[1]uint64](name)
	case 64:
		return overChannels[[8]uint64](name)
	case 1024:
		return overChannels[[128]uint64](name)
	}
	return nil, fmt.Errorf("no workload has values of %d bytes", bytes)
}

// calibrated warms up, chooses the number of operations, and times them once.
func calibrated(work workload, s sizes, target time.Duration) error {
	for ops := uint64(64); ; ops *= 2 {
		start := time.Now()
		done, err := work(s, ops)
		if err != nil {
			return err
		}
		if took := time.Since(start); took >= warm {
			share := target.Seconds() / took.Seconds()
			return once(work, s, max(1, uint64(float64(done)*share)))
		}
	}
}

func once(work workload, s sizes, ops uint64) error {
	start := time.Now()
	done, err := work(s, ops)
	if err != nil {
		return err
	}
	took := time.Since(start)
	return printed([]float64{float64(took.Nanoseconds()) / float64(done)}, done, nil)
}

// printed prints a measurement, unless it failed.
func printed(figures []float64, ops uint64, err error) error {
	if err != nil {
		return err
	}
	for _, figure := range figures {
		fmt.Printf("%.3f ", figure)
	}
	_, err = fmt.Println(ops)
	return err
}
