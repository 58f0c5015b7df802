module wxsub-example

go 1.19
