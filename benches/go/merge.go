package main

import (
	"context"
	"sync"
)

// mergeMany receives the values of s.count unbuffered channels from one.
func mergeMany[V payload](s sizes, ops uint64) (uint64, error) {
	inputs := uint64(s.count)
	each := (ops + inputs - 1) / inputs
	var t tally
	for value := range merge(context.Background(), fed[V](s, s.count, each)) {
		t.count++
		t.sum += numberOf(&value)
	}
	return t.check(each * inputs)
}

// merge gives each input a goroutine that sends on what comes, until ctx is done.
func merge[V payload](ctx context.Context, inputs []chan V) <-chan V {
	out := make(chan V)
	var all sync.WaitGroup
	all.Add(len(inputs))
	for _, input := range inputs {
		go func() {
			defer all.Done()
			for {
				select {
				case value, ok := <-input:
					if !ok {
						return
					}
					select {
					case out <- value:
					case <-ctx.Done():
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	go func() {
		all.Wait()
		close(out)
	}()
	return out
}
