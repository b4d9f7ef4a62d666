package OARmod;

# The module that A-REX's information provider loads for lrms = OAR. It runs
# `python3 -m arc_lrms_oar info`, which queries OAR, and returns the result unchanged.

use strict;
use warnings;

use Exporter;
use File::Temp;
use JSON::XS;

use LogUtils;

our @ISA       = qw(Exporter);
our @EXPORT_OK = qw(get_lrms_info get_lrms_options_schema);

our $log = LogUtils->getLogger(__PACKAGE__);

sub get_lrms_options_schema {
    return {
        'queues' => { '*' => { 'users' => [''] } },
        'jobs'   => ['']
    };
}

# The path of the configuration file. The provider does not pass it on, and its own reader drops
# [custom:oar], so the package reads the file itself.
sub config_file {
    return $CEInfo::configfile if defined $CEInfo::configfile;
    open(my $handle, '<', '/proc/self/cmdline') or return;
    local $/ = undef;
    my @arguments = split(/\0/, <$handle>);
    close($handle);
    for my $index (0 .. $#arguments - 1) {
        return $arguments[ $index + 1 ] if $arguments[$index] eq '--config';
    }
    return;
}

sub get_lrms_info {
    my ($options) = @_;
    my %wanted = map { $_ => $options->{$_} } grep { defined $options->{$_} } qw(queues jobs);
    my $request = File::Temp->new();
    print $request encode_json(\%wanted);
    close($request);
    my @command = ('python3', '-m', 'arc_lrms_oar', 'info', '--json', '--options', $request->filename);
    my $config  = config_file();
    push(@command, '--config', $config) if defined $config;
    my ($answer, $errors) = run(@command);
    my $info = eval { decode_json($answer) };
    # A-REX keeps its last document if the exit status of the provider is not 0.
    $log->fatal("OAR is unavailable, nothing new is published: $errors") unless ref $info eq 'HASH';
    $log->warning($errors) if length $errors;
    return $info;
}

# Returns what the command prints on stdout, and on stderr as one line.
sub run {
    my (@command) = @_;
    my $error_file = File::Temp->new();
    my $answer     = '';
    open(my $stderr, '>&', \*STDERR)   or return ('', "$!");
    open(STDERR, '>', $error_file->filename) or return ('', "$!");
    if (open(my $pipe, '-|', @command)) {
        local $/ = undef;
        $answer = <$pipe>;
        close($pipe);
    }
    open(STDERR, '>&', $stderr);
    local $/ = undef;
    my $errors = <$error_file> // '';
    $errors =~ s/\s+/ /g;
    $errors =~ s/^ | $//g;
    return ($answer, $errors);
}

1;
