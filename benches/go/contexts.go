package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	contexts     = 100_000   // of a tree, its root not counted
	liveContexts = 4_000     // with a time limit, beside the one that comes and goes
	limit        = time.Hour // of each; none is reached
)

// held is what the one who made a context holds of it.
type held struct {
	ctx    context.Context
	cancel context.CancelFunc
}

func newHeld(parent context.Context) held {
	ctx, cancel := context.WithCancel(parent)
	return held{ctx, cancel}
}

// contextTree makes a tree of contexts, s.count children to each (all below the root where that is 0), cancels it at the
// root, and calls everybody's cancel function. Trees follow each other for about the time asked for.
func contextTree(s sizes) ([]float64, uint64, error) {
	size, begin := contexts, time.Now()
	if s.ops > 0 {
		size = int(s.ops)
	}
	var made, cancelled, released []float64
	var bytes float64
	for len(made) == 0 || (s.ops == 0 && time.Since(begin) < s.time) {
		all := make([]held, size+1)
		clear(all)
		before, err := resident()
		if err != nil {
			return nil, 0, err
		}
		start := time.Now()
		all[0] = newHeld(context.Background())
		for place := 1; place <= size; place++ {
			above := 0
			if s.count > 0 {
				above = (place - 1) / s.count
			}
			all[place] = newHeld(all[above].ctx)
		}
		made = append(made, float64(time.Since(start).Nanoseconds())/float64(size))
		after, err := resident()
		if err != nil {
			return nil, 0, err
		}
		if len(made) == 1 {
			bytes = float64(max(after, before)-before) / float64(size)
		}

		start = time.Now()
		all[0].cancel()
		cancelled = append(cancelled, float64(time.Since(start).Nanoseconds())/float64(size))
		for _, held := range all {
			if held.ctx.Err() == nil {
				return nil, 0, errors.New("a context was not cancelled")
			}
		}

		start = time.Now()
		for _, held := range all {
			held.cancel()
		}
		released = append(released, float64(time.Since(start).Nanoseconds())/float64(size))
	}
	figures := []float64{median(made), median(cancelled), median(released), bytes}
	return figures, uint64(len(made) * size), nil
}

func median(samples []float64) float64 {
	slices.Sort(samples)
	return samples[len(samples)/2]
}

// contextChild makes a child and cancels it.
func contextChild(_ sizes, ops uint64) (uint64, error) {
	root, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range ops {
		child := newHeld(root)
		child.cancel()
		if child.ctx.Err() == nil {
			return 0, errors.New("a child was not cancelled")
		}
	}
	return ops, nil
}

// contextTimeout makes a child with a time limit and cancels it, beside many others.
func contextTimeout(_ sizes, ops uint64) (uint64, error) {
	root, cancel := context.WithCancel(context.Background())
	defer cancel()
	live := make([]context.Context, liveContexts)
	for i := range live {
		ctx, cancel := context.WithTimeout(root, limit)
		defer cancel()
		live[i] = ctx
	}
	for range ops {
		child, cancel := context.WithTimeout(root, limit)
		cancel()
		if child.Err() == nil {
			return 0, errors.New("a child was not cancelled")
		}
	}
	for _, ctx := range live {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("a context ended too early: %w", ctx.Err())
		}
	}
	return ops, nil
}

// contextErr asks a live context whether it is done.
func contextErr(_ sizes, ops uint64) (uint64, error) {
	root, cancelRoot := context.WithCancel(context.Background())
	defer cancelRoot()
	child, cancel := context.WithCancel(root)
	defer cancel()
	for range ops {
		if err := child.Err(); err != nil {
			return 0, err
		}
	}
	return ops, nil
}

// contextPoll looks whether the channel of a live context is closed.
func contextPoll(_ sizes, ops uint64) (uint64, error) {
	root, cancelRoot := context.WithCancel(context.Background())
	defer cancelRoot()
	child, cancel := context.WithCancel(root)
	defer cancel()
	for range ops {
		select {
		case <-child.Done():
			return 0, child.Err()
		default:
		}
	}
	return ops, nil
}
