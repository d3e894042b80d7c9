module gosched-bench-go

go 1.24
