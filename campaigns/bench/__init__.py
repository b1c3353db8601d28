"""What imports and syncs cost, as `make bench` measures it: modules of functions named bench_…"""
