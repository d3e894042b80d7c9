package main

import (
	"fmt"
	"runtime"
	"sync"
)

const (
	batch  = 1_000     // goroutines per batch in spawn
	turns  = 8         // goroutines that take turns
	leaves = 1_000_000 // leaves of skynet's tree
)

// spawn starts goroutines in batches and waits for each batch with a counter.
func spawn(_ sizes, ops uint64) (uint64, error) {
	batches := (ops + batch - 1) / batch
	var wg sync.WaitGroup
	for range batches {
		wg.Add(batch)
		for range batch {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	return batches * batch, nil
}

// spawnJoin starts one goroutine and waits for what it returns, which in Go comes over a channel.
func spawnJoin(_ sizes, ops uint64) (uint64, error) {
	for number := range ops {
		result := make(chan uint64, 1)
		go func() { result <- number }()
		if echoed := <-result; echoed != number {
			return 0, fmt.Errorf("goroutine %d returned %d", number, echoed)
		}
	}
	return ops, nil
}

// takeTurns runs eight goroutines that do nothing but yield.
func takeTurns(_ sizes, ops uint64) (uint64, error) {
	each := (ops + turns - 1) / turns
	var wg sync.WaitGroup
	wg.Add(turns)
	for range turns {
		go func() {
			for range each {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return each * turns, nil
}

// wake has a thread of its own send to a goroutine, and waits for the answer there. A goroutine that is locked to its
// thread is as near as Go comes to a thread outside the runtime.
func wake(_ sizes, ops uint64) (uint64, error) {
	rung, answered := make(chan uint64), make(chan uint64)
	go func() {
		runtime.LockOSThread()
		for number := range ops {
			rung <- number
			<-answered
		}
		close(rung)
	}()
	var heard uint64
	for number := range rung {
		heard++
		answered <- number
	}
	if heard != ops {
		return 0, fmt.Errorf("%d of %d rings were heard", heard, ops)
	}
	return ops, nil
}

// skynet adds up a million leaves, each a goroutine, through a tree of goroutines with ten children each.
func skynet(_ sizes, ops uint64) (uint64, error) {
	trees := (ops + leaves - 1) / leaves
	for range trees {
		sum := make(chan uint64, 1)
		go branch(sum, 0, leaves)
		if got, want := <-sum, uint64(leaves)*(leaves-1)/2; got != want {
			return 0, fmt.Errorf("the leaves add up to %d, not %d", got, want)
		}
	}
	return trees * leaves, nil
}

func branch(result chan<- uint64, first, count uint64) {
	if count == 1 {
		result <- first
		return
	}
	children := make(chan uint64, 10)
	part := count / 10
	for i := range uint64(10) {
		go branch(children, first+i*part, part)
	}
	var sum uint64
	for range 10 {
		sum += <-children
	}
	result <- sum
}
