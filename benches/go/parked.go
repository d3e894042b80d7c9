package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// resident is the memory in use, in bytes, counted page by page.
func resident() (uint64, error) {
	const file = "/proc/self/smaps_rollup"
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "Rss:"); found {
			kilobytes, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes * 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no line of the resident set", file)
}

// parked parks goroutines in a receive, each on a channel of its own, looks at the memory, and closes the channels.
func parked(s sizes) ([]float64, uint64, error) {
	channels := make([]chan uint64, s.count)
	clear(channels)
	return parkedOn(s, channels, func(place int) <-chan uint64 {
		channels[place] = make(chan uint64, s.capacity)
		return channels[place]
	})
}

// parkedInOne does the same with one channel.
func parkedInOne(s sizes) ([]float64, uint64, error) {
	channels := []chan uint64{make(chan uint64, s.capacity)}
	return parkedOn(s, channels, func(int) <-chan uint64 { return channels[0] })
}

func parkedOn(s sizes, channels []chan uint64, channel func(int) <-chan uint64) ([]float64, uint64, error) {
	var started, ended sync.WaitGroup
	started.Add(s.count)
	ended.Add(s.count)
	var emptyHanded atomic.Int64
	before, err := resident()
	if err != nil {
		return nil, 0, err
	}
	for place := range s.count {
		values := channel(place)
		go func() {
			started.Done()
			if _, ok := <-values; !ok {
				emptyHanded.Add(1)
			}
			ended.Done()
		}()
	}
	started.Wait()
	// Those that started last may not wait yet. Once nothing has changed for a while, they do.
	now, last := uint64(1), uint64(0)
	for now != last {
		time.Sleep(50 * time.Millisecond)
		last = now
		if now, err = resident(); err != nil {
			return nil, 0, err
		}
	}
	for _, values := range channels {
		close(values)
	}
	ended.Wait()
	if saw := emptyHanded.Load(); saw != int64(s.count) {
		return nil, 0, fmt.Errorf("only %d of %d saw the channel closed", saw, s.count)
	}
	return []float64{float64(max(now, before)-before) / float64(s.count)}, uint64(s.count), nil
}
