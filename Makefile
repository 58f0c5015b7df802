# Names for the scripts; what they do, each says at its top.
.PHONY: test demo dist dist-test install

test:
	scripts/test.sh

demo:
	scripts/demo.sh

dist:
	scripts/dist.sh

dist-test:
	scripts/dist-test.sh

# make install [PREFIX=/usr/local] [DESTDIR=]
install:
	PREFIX='$(or $(PREFIX),/usr/local)' DESTDIR='$(DESTDIR)' scripts/install.sh
