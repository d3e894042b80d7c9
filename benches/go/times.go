package main

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	shortest  = 500 * time.Millisecond // of the sleeps
	longest   = time.Second
	period    = time.Millisecond // of the ticker
	calmTicks = 10               // before there are hogs
	hogTime   = 200 * time.Millisecond
	hogsEach  = 2 // hogs for each processor
)

// busy is the speed of this machine, in steps a second.
type busy float64

// calibrate finds it out: the fastest of five tries, for the others were disturbed.
func calibrate() busy {
	const count = 4_000_000
	fastest := time.Duration(math.MaxInt64)
	for range 5 {
		start := time.Now()
		steps(count)
		fastest = min(fastest, time.Since(start))
	}
	return busy(count / max(fastest.Seconds(), 1e-9))
}

// compute does as much as an undisturbed core does in that time.
func (b busy) compute(d time.Duration) {
	steps(uint64(float64(b) * d.Seconds()))
}

// sink keeps the compiler from leaving the steps out.
var sink atomic.Uint64

// steps are of xorshift: each needs the one before.
func steps(count uint64) {
	state := uint64(0x9E37_79B9_7F4A_7C15)
	for range count {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
	}
	sink.Store(state)
}

// quantiles are in microseconds: for each percentage the least sample that so many in a hundred do not exceed.
func quantiles(samples []time.Duration, percents ...float64) []float64 {
	slices.Sort(samples)
	var found []float64
	for _, percent := range percents {
		rank := int(math.Ceil(float64(len(samples)) * percent / 100))
		sample := samples[min(max(rank, 1), len(samples))-1]
		found = append(found, float64(sample.Nanoseconds())/1e3)
	}
	return found
}

func cpuTime() (time.Duration, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}

// timers runs goroutines that all sleep at once.
func timers(s sizes) ([]float64, uint64, error) {
	late := make([]time.Duration, s.count)
	span := uint64((longest - shortest).Microseconds())
	var wg sync.WaitGroup
	wg.Add(s.count)

	start := time.Now()
	cpu, err := cpuTime()
	if err != nil {
		return nil, 0, err
	}
	for place := range s.count {
		sleep := shortest + time.Duration(uint64(place)*7_919_993%span)*time.Microsecond
		go func() {
			due := time.Now().Add(sleep)
			time.Sleep(sleep)
			late[place] = time.Since(due)
			wg.Done()
		}()
	}
	wg.Wait()
	wall := time.Since(start)
	cpuEnd, err := cpuTime()
	if err != nil {
		return nil, 0, err
	}
	if slices.Min(late) < 0 {
		return nil, 0, errors.New("a sleep ended before its time")
	}
	return []float64{
		float64((cpuEnd - cpu).Nanoseconds()) / float64(s.count),
		quantiles(late, 99)[0],
		wall.Seconds() * 1e3,
	}, uint64(s.count), nil
}

// tickerUnderHogs ticks beside goroutines that compute without a pause, until they are through. A tick that was never
// delivered counts as missed, and as late as the next one that was.
func tickerUnderHogs(_ sizes) ([]float64, uint64, error) {
	speed := calibrate()
	var hogs sync.WaitGroup
	count := runtime.GOMAXPROCS(0) * hogsEach
	hogs.Add(count)
	var over atomic.Bool

	type seen struct {
		start time.Time
		late  []time.Duration
		came  int
	}
	result := make(chan seen, 1)
	go func() {
		next := time.Now().Add(period)
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for range calmTicks {
			<-ticker.C
		}
		ticks := seen{start: time.Now()}
		for range count {
			go func() {
				speed.compute(hogTime)
				hogs.Done()
			}()
		}
		for !next.After(ticks.start) {
			next = next.Add(period)
		}
		for !over.Load() {
			<-ticker.C
			now := time.Now()
			if !next.After(now) {
				ticks.came++
			}
			for ; !next.After(now); next = next.Add(period) {
				ticks.late = append(ticks.late, now.Sub(next))
			}
		}
		result <- ticks
	}()
	hogs.Wait()
	end := time.Now()
	over.Store(true)
	ticks := <-result
	due := len(ticks.late)
	if due == 0 {
		return nil, 0, errors.New("no tick was due")
	}
	figures := quantiles(ticks.late, 50, 99, 100)
	figures = append(figures, float64(due-ticks.came)/float64(due)*100, end.Sub(ticks.start).Seconds()*1e3)
	return figures, uint64(due), nil
}
