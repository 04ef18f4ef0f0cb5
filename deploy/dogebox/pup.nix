# Kennel for a Dogebox: the source of this repository, Python and PostgreSQL of nixpkgs, and run.sh.
{ pkgs ? import <nixpkgs> {} }:

let
  source = builtins.path { path = ../..; name = "kennel"; };
  kennel = pkgs.writeScriptBin "run.sh" ''
    #!${pkgs.bash}/bin/bash
    export PYTHON=${pkgs.python313}/bin/python3
    export LD_LIBRARY_PATH=${pkgs.lib.makeLibraryPath [ pkgs.stdenv.cc.cc.lib pkgs.zlib ]}
    export SOURCE=${source}
    export KENNEL_PG_BINDIR=${pkgs.postgresql_17}/bin
    exec ${pkgs.bash}/bin/sh ${source}/deploy/dogebox/run.sh
  '';
in
{
  inherit kennel;
}
