package main

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	computing = 4                      // goroutines for each processor
	chunk     = 100 * time.Microsecond // computed between two looks at the clock
	runUp     = 100 * time.Millisecond
	pause     = time.Millisecond // of the one that wants to be woken
)

// saturated runs goroutines that compute so many milliseconds between two yields, and one that sleeps again and again.
func saturated(s sizes) ([]float64, uint64, error) {
	if s.ops > 0 {
		return nil, 0, errors.New("it is the time that is given, not the number of operations")
	}
	speed := calibrate()
	chunks := max(1, time.Duration(s.count)*time.Millisecond/chunk)
	from := time.Now().Add(runUp)
	until := from.Add(s.time)

	var inTime, inAll atomic.Uint64
	cpu, err := cpuTime()
	if err != nil {
		return nil, 0, err
	}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) * computing {
		wg.Add(1)
		go func() {
			defer wg.Done()
			counted, polls := uint64(0), uint64(0)
			for now := time.Now(); now.Before(until); {
				for range chunks {
					speed.compute(chunk)
					now = time.Now()
					if now.After(from) && now.Before(until) {
						counted++
					}
				}
				polls++
				runtime.Gosched()
			}
			inTime.Add(counted)
			inAll.Add(polls * uint64(chunks))
		}()
	}
	result := make(chan []time.Duration, 1)
	go func() {
		var late []time.Duration
		for {
			due := time.Now().Add(pause)
			time.Sleep(pause)
			now := time.Now()
			if !now.Before(until) {
				result <- late
				return
			}
			if due.After(from) {
				late = append(late, max(0, now.Sub(due)))
			}
		}
	}()
	wg.Wait()
	cpuEnd, err := cpuTime()
	if err != nil {
		return nil, 0, err
	}
	late := <-result
	if len(late) == 0 {
		return nil, 0, errors.New("the goroutine beside them was never woken")
	}
	steps := func(chunks uint64) float64 { return float64(chunks * uint64(float64(speed)*chunk.Seconds())) }
	return []float64{
		steps(inTime.Load()) / s.time.Seconds() / 1e6,
		float64((cpuEnd - cpu).Nanoseconds()) / steps(inAll.Load()) * 1e3,
		quantiles(late, 99)[0],
	}, inTime.Load(), nil
}
