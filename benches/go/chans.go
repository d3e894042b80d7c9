package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// payload is a value that carries a number; every word is written.
type payload interface {
	[1]uint64 | [8]uint64 | [128]uint64
}

func numbered[V payload](number uint64) (value V) {
	switch words := any(&value).(type) {
	case *[1]uint64:
		words[0] = number
	case *[8]uint64:
		for i := range words {
			words[i] = number
		}
	case *[128]uint64:
		for i := range words {
			words[i] = number
		}
	}
	return value
}

func numberOf[V payload](value *V) uint64 {
	switch words := any(value).(type) {
	case *[1]uint64:
		return words[0]
	case *[8]uint64:
		return words[7]
	case *[128]uint64:
		return words[127]
	}
	panic("no such payload")
}

// tally counts what arrived, and adds up the numbers.
type tally struct {
	count, sum uint64
}

func (t tally) check(count uint64) (uint64, error) {
	want := tally{count, count * (count - 1) / 2}
	if t != want {
		return 0, fmt.Errorf("%d values arrived, not the %d sent", t.count, count)
	}
	return count, nil
}

func overChannels[V payload](name string) (workload, error) {
	switch name {
	case "ping-pong":
		return pingPong[V], nil
	case "stream":
		return stream[V], nil
	case "select":
		return selectAmong[V], nil
	case "select-done":
		return selectDone[V], nil
	case "select-timer":
		return selectTimer[V], nil
	case "merge":
		return mergeMany[V], nil
	case "sieve":
		return sieve[V], nil
	}
	return nil, fmt.Errorf("no such workload: %q", name)
}

// pingPong sends one value to and fro between two goroutines.
func pingPong[V payload](s sizes, ops uint64) (uint64, error) {
	ping, pong := make(chan V, s.capacity), make(chan V, s.capacity)
	go func() {
		for value := range ping {
			pong <- value
		}
	}()
	defer close(ping)
	for number := range ops {
		ping <- numbered[V](number)
		value := <-pong
		if numberOf(&value) != number {
			return 0, fmt.Errorf("lost value %d", number)
		}
	}
	return ops, nil
}

// stream sends values from several goroutines to several others through one channel.
func stream[V payload](s sizes, ops uint64) (uint64, error) {
	senders := uint64(s.senders)
	each := (ops + senders - 1) / senders
	values := make(chan V, s.capacity)

	var count, sum atomic.Uint64
	var receiving, sending sync.WaitGroup
	receiving.Add(s.receivers)
	for range s.receivers {
		go func() {
			var t tally
			for value := range values {
				t.count++
				t.sum += numberOf(&value)
			}
			count.Add(t.count)
			sum.Add(t.sum)
			receiving.Done()
		}()
	}
	sending.Add(s.senders)
	for sender := range senders {
		go func() {
			feed(values, sender*each, each)
			sending.Done()
		}()
	}
	sending.Wait()
	close(values)
	receiving.Wait()
	return tally{count.Load(), sum.Load()}.check(each * senders)
}

func feed[V payload](values chan<- V, first, count uint64) {
	for number := first; number < first+count; number++ {
		values <- numbered[V](number)
	}
}
