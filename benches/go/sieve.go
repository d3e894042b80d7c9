package main

import (
	"fmt"
	"slices"
	"sync"
)

// sieved are the numbers that are sieved, from 2 on.
const sieved = 2_000

// sieve takes the multiples of one prime out of a stream of numbers in each goroutine of a chain.
func sieve[V payload](s sizes, ops uint64) (uint64, error) {
	expected, handedOn := sieveByHand()
	sieves := (ops + handedOn - 1) / handedOn
	for range sieves {
		if found := sieveOnce[V](s); !slices.Equal(found, expected) {
			return 0, fmt.Errorf("%d primes came out, not the %d expected", len(found), len(expected))
		}
	}
	return sieves * handedOn, nil
}

func sieveOnce[V payload](s sizes) (found []uint64) {
	var filters sync.WaitGroup
	numbers := make(chan V, s.capacity)
	go func(numbers chan<- V) {
		feed(numbers, 2, sieved-1)
		close(numbers)
	}(numbers)
	for {
		value, ok := <-numbers
		if !ok {
			break
		}
		prime := numberOf(&value)
		found = append(found, prime)
		filtered := make(chan V, s.capacity)
		filters.Add(1)
		go func(numbers <-chan V) {
			for value := range numbers {
				if numberOf(&value)%prime != 0 {
					filtered <- value
				}
			}
			close(filtered)
			filters.Done()
		}(numbers)
		numbers = filtered
	}
	filters.Wait()
	return found
}

// sieveByHand finds the primes without goroutines, and how many values the chain hands on.
func sieveByHand() (primes []uint64, handedOn uint64) {
	for number := uint64(2); number <= sieved; number++ {
		place := slices.IndexFunc(primes, func(prime uint64) bool { return number%prime == 0 })
		if place >= 0 {
			handedOn += uint64(place) + 1
			continue
		}
		handedOn += uint64(len(primes)) + 1
		primes = append(primes, number)
	}
	return primes, handedOn
}
