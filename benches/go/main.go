// Command gosched-bench-go does the harness's workloads in Go, as a Go programmer would write them.
//
// It is told the workload and its sizes by flags, takes the number of processors from GOMAXPROCS, and prints
// nanoseconds per operation and the number of operations: the same line as the harness's own measurements.
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
}

// A workload does about ops operations and returns how many it did.
type workload func(s sizes, ops uint64) (uint64, error)

func main() {
	name := flag.String("work", "", "the workload")
	bytes := flag.Int("bytes", 8, "size of the values: 8, 64 or 1024")
	ms := flag.Int("ms", 400, "time one measurement for about so many milliseconds, after a warm-up")
	ops := flag.Uint64("ops", 0, "do exactly so many operations instead, cold")
	var s sizes
	flag.IntVar(&s.capacity, "cap", 0, "capacity of the channels")
	flag.IntVar(&s.senders, "senders", 1, "sending goroutines")
	flag.IntVar(&s.receivers, "receivers", 1, "receiving goroutines")
	flag.Parse()

	work, err := find(*name, *bytes)
	if err != nil {
		fail(err)
	}
	done := make(chan error)
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
	fmt.Printf("%.3f %d\n", float64(took.Nanoseconds())/float64(done), done)
	return nil
}
