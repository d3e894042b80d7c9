package main

import (
	"context"
	"fmt"
	"time"
)

// long is how long selectTimer would wait for a value. None of its timers ever fires.
const long = time.Minute

// fed returns channels that a goroutine each sends so many values into.
func fed[V payload](s sizes, channels int, each uint64) []chan V {
	all := make([]chan V, channels)
	for i := range all {
		values := make(chan V, s.capacity)
		all[i] = values
		go func() {
			feed(values, uint64(i)*each, each)
			close(values)
		}()
	}
	return all
}

// selectAmong receives from 2, 4 or 16 channels, each time from whichever has something, until all are closed.
func selectAmong[V payload](s sizes, ops uint64) (uint64, error) {
	channels := uint64(s.count)
	each := (ops + channels - 1) / channels
	from := fed[V](s, s.count, each)
	var t tally
	switch s.count {
	case 2:
		t = drainTwo(from)
	case 4:
		t = drainFour(from)
	case 16:
		t = drainSixteen(from)
	default:
		return 0, fmt.Errorf("no select over %d channels", s.count)
	}
	return t.check(each * channels)
}

// took counts a value, or sets the channel to nil, which takes it out of the select. It says how many were closed.
func took[V payload](t *tally, from *chan V, value V, ok bool) int {
	if !ok {
		*from = nil
		return 1
	}
	t.count++
	t.sum += numberOf(&value)
	return 0
}

func drainTwo[V payload](c []chan V) (t tally) {
	for left := 2; left > 0; {
		select {
		case value, ok := <-c[0]:
			left -= took(&t, &c[0], value, ok)
		case value, ok := <-c[1]:
			left -= took(&t, &c[1], value, ok)
		}
	}
	return t
}

func drainFour[V payload](c []chan V) (t tally) {
	for left := 4; left > 0; {
		select {
		case value, ok := <-c[0]:
			left -= took(&t, &c[0], value, ok)
		case value, ok := <-c[1]:
			left -= took(&t, &c[1], value, ok)
		case value, ok := <-c[2]:
			left -= took(&t, &c[2], value, ok)
		case value, ok := <-c[3]:
			left -= took(&t, &c[3], value, ok)
		}
	}
	return t
}

func drainSixteen[V payload](c []chan V) (t tally) {
	for left := 16; left > 0; {
		select {
		case value, ok := <-c[0]:
			left -= took(&t, &c[0], value, ok)
		case value, ok := <-c[1]:
			left -= took(&t, &c[1], value, ok)
		case value, ok := <-c[2]:
			left -= took(&t, &c[2], value, ok)
		case value, ok := <-c[3]:
			left -= took(&t, &c[3], value, ok)
		case value, ok := <-c[4]:
			left -= took(&t, &c[4], value, ok)
		case value, ok := <-c[5]:
			left -= took(&t, &c[5], value, ok)
		case value, ok := <-c[6]:
			left -= took(&t, &c[6], value, ok)
		case value, ok := <-c[7]:
			left -= took(&t, &c[7], value, ok)
		case value, ok := <-c[8]:
			left -= took(&t, &c[8], value, ok)
		case value, ok := <-c[9]:
			left -= took(&t, &c[9], value, ok)
		case value, ok := <-c[10]:
			left -= took(&t, &c[10], value, ok)
		case value, ok := <-c[11]:
			left -= took(&t, &c[11], value, ok)
		case value, ok := <-c[12]:
			left -= took(&t, &c[12], value, ok)
		case value, ok := <-c[13]:
			left -= took(&t, &c[13], value, ok)
		case value, ok := <-c[14]:
			left -= took(&t, &c[14], value, ok)
		case value, ok := <-c[15]:
			left -= took(&t, &c[15], value, ok)
		}
	}
	return t
}

// selectDone receives values until the channel is closed, or a context is done, which never happens.
func selectDone[V payload](s sizes, ops uint64) (uint64, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	values := fed[V](s, 1, ops)[0]
	var t tally
	for {
		select {
		case value, ok := <-values:
			if !ok {
				return t.check(ops)
			}
			t.count++
			t.sum += numberOf(&value)
		case <-ctx.Done():
			return t.check(ops)
		}
	}
}

// selectTimer receives values until the channel is closed, or none comes in time, which never happens.
func selectTimer[V payload](s sizes, ops uint64) (uint64, error) {
	values := fed[V](s, 1, ops)[0]
	var t tally
	for {
		select {
		case value, ok := <-values:
			if !ok {
				return t.check(ops)
			}
			t.count++
			t.sum += numberOf(&value)
		case <-time.After(long):
			return t.check(ops)
		}
	}
}
